// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"slices"
	"time"
)

// apply verifies the next statement and brings s up to it. After an error s is not
// to be used.
func (s *State) apply(statement []byte, published time.Time) (*UnverifiedStatement, error) {
	published = published.UTC().Truncate(time.Second)
	u, err := ParseStatement(statement)
	if err != nil {
		return nil, err
	}
	if err := s.checkPlace(u, published); err != nil {
		return nil, err
	}
	s.f.Time = u.Time
	if !published.IsZero() {
		s.f.Published = published
	}
	if err := u.Content.apply(s, step{u, published}); err != nil {
		return nil, err
	}
	for _, sig := range u.Signatures {
		if !sig.verify(u.body) {
			return nil, broken("signed-valid", ErrSignature, "a signature that is not the key's over this statement in this role")
		}
	}
	s.f.Head, s.f.Length = u.Head(), s.f.Length+1
	return u, nil
}

// checkPlace checks what does not depend on what the statement says.
func (s *State) checkPlace(u *UnverifiedStatement, published time.Time) error {
	_, create := u.Content.(CreateContent)
	switch {
	case s.f.Length >= MaxStatements:
		return broken("chain-length", ErrBroken, "more than 1,024 statements")
	case u.Sequence != s.f.Length:
		return broken("chain-sequence", ErrBroken, "a sequence number that is not the next")
	case u.Previous != s.f.Head:
		return broken("chain-previous", ErrBroken, "the hash of another statement than the one before")
	case create != (s.f.Length == 0):
		return broken("chain-create", ErrBroken, "a chain that does not begin with create, or has a second one")
	case s.f.Closed || s.f.Moved != nil:
		return broken("chain-end", ErrBroken, "a statement after move or close")
	case u.Time.Before(s.f.Time):
		return broken("chain-time", ErrBroken, "a time before that of the statement before")
	case !published.IsZero() && published.Before(s.f.Published):
		return broken("chain-published", ErrBroken, "a proven time before that of an earlier statement")
	case !published.IsZero() && u.Time.Sub(published) > MaxAhead && u.Time.After(s.f.Time):
		return broken("chain-future", ErrRefused, "a time more than a day after the statement became public, and after that of the statement before: the signer's clock is wrong")
	case s.f.Length >= MaxStatements-ReservedStatements && !u.Content.Type().reserved():
		return broken("chain-reserve", ErrRefused, "another statement than revoke-device, reset-veto, move and close among the last 32")
	}
	return nil
}

// reserved reports whether the last statements of a chain are kept for the type.
func (t Type) reserved() bool {
	return t == TypeRevokeDevice || t == TypeResetVeto || t == TypeMove || t == TypeClose
}

// step is a statement that is being applied.
type step struct {
	*UnverifiedStatement
	published time.Time
}

// when returns when the statement became public or, if that is not proven, the time
// that it claims.
func (u step) when() time.Time {
	if u.published.IsZero() {
		return u.Time
	}
	return u.published
}

// A party is a key that may sign a statement in some role.
type party func(Signature) bool

// signedBy checks that the parties, in that order and nobody else, are named as
// signers. State.apply verifies the signatures.
func (u step) signedBy(want ...party) error {
	ok := len(u.Signatures) == len(want)
	for i := 0; ok && i < len(want); i++ {
		ok = want[i](u.Signatures[i])
	}
	if !ok {
		return broken("signed-by", ErrSignature, "other signers, or another order of them, than the type of statement has")
	}
	return nil
}

func byDevice(d Device) party {
	return func(s Signature) bool { return s.Role == RoleDevice && s.Key == d.SignatureKey }
}

func byRecovery(k RecoveryKey) party {
	return func(s Signature) bool { return s.Role == RoleRecovery && s.Key == k }
}

// byLiveDevice is any device that may speak for the account.
func (s *State) byLiveDevice() party {
	return func(sig Signature) bool {
		return slices.ContainsFunc(s.f.Devices, func(d Device) bool { return byDevice(d)(sig) })
	}
}

func either(a, b party) party { return func(s Signature) bool { return a(s) || b(s) } }

// firstSigner names who signed first: a device, or the recovery key as the zero DeviceID.
func (u step) firstSigner() DeviceID {
	if u.Signatures[0].Role == RoleRecovery {
		return DeviceID{}
	}
	return SignatureKey(u.Signatures[0].Key).ID()
}

func (c CreateContent) apply(s *State, u step) error {
	if err := u.signedBy(byDevice(c.Device), byRecovery(c.RecoveryKey)); err != nil {
		return err
	}
	s.f.Address, s.f.Created = c.Address, u.Time
	s.setRecovery(c.RecoveryKey, u)
	if err := s.use(append(c.Device.usedKeys(), usedKey(c.RecoveryKey))...); err != nil {
		return err
	}
	return s.add(c.Device, u)
}

func (c AddDevice) apply(s *State, u step) error {
	if err := u.signedBy(either(s.byLiveDevice(), byRecovery(s.RecoveryKey())), byDevice(c.Device)); err != nil {
		return err
	}
	if err := s.use(c.Device.usedKeys()...); err != nil {
		return err
	}
	return s.add(c.Device, u)
}

func (c RevokeDevice) apply(s *State, u step) error {
	if _, live := s.Device(c.Device); !live {
		return broken("revoke-live", ErrRefused, "the revocation of what is not a device of the account now")
	}
	signer := either(s.byLiveDevice(), byRecovery(s.RecoveryKey()))
	if len(s.f.Devices) == 1 {
		signer = byRecovery(s.RecoveryKey())
	}
	if err := u.signedBy(signer); err != nil {
		return err
	}
	s.revoke(func(id DeviceID) bool { return id == c.Device }, u)
	return nil
}

// apply takes a new recovery key at once if the old one signed. If a device did,
// the first statement announces the key and a second one, after the wait, puts it
// in force.
func (c RotateRecovery) apply(s *State, u step) error {
	if err := u.signedBy(either(s.byLiveDevice(), byRecovery(s.RecoveryKey())), byRecovery(c.RecoveryKey)); err != nil {
		return err
	}
	pending := s.f.Rotation.Pending
	if u.Signatures[0].Role == RoleDevice && pending != nil && pending.RecoveryKey == c.RecoveryKey {
		if _, err := s.f.Rotation.carryOut(u.published); err != nil {
			return err
		}
		s.setRecovery(c.RecoveryKey, u)
		return nil
	}
	if err := s.use(usedKey(c.RecoveryKey)); err != nil {
		return err
	}
	if u.Signatures[0].Role == RoleRecovery {
		s.setRecovery(c.RecoveryKey, u)
		return nil
	}
	return s.f.Rotation.announce(Pending{
		Statement: u.Head(), Claimed: u.Time, Published: u.published, RecoveryKey: c.RecoveryKey, By: u.firstSigner(),
	})
}

func (c ResetRequest) apply(s *State, u step) error {
	if c.Wait != Wait {
		return broken("reset-wait", ErrRefused, "a waiting time other than 72 hours")
	}
	if err := u.signedBy(byDevice(c.Device), byRecovery(c.RecoveryKey)); err != nil {
		return err
	}
	if err := s.use(append(c.Device.usedKeys(), usedKey(c.RecoveryKey))...); err != nil {
		return err
	}
	return s.f.Reset.announce(Pending{
		Statement: u.Head(), Claimed: u.Time, Published: u.published, RecoveryKey: c.RecoveryKey, Device: c.Device,
	})
}

func (c ResetVeto) apply(s *State, u step) error {
	if err := u.signedBy(either(s.byLiveDevice(), byRecovery(s.RecoveryKey()))); err != nil {
		return err
	}
	switch {
	case s.f.Reset.waits(c.Request):
		s.f.Reset.veto(u.published)
	case !s.f.Rotation.waits(c.Request):
		return broken("veto-request", ErrRefused, "a veto against what does not wait")
	case s.f.Rotation.Pending.By == u.firstSigner():
		return broken("veto-other", ErrSignature, "the veto of the device that announced the recovery key itself")
	default:
		s.f.Rotation.veto(u.published)
	}
	return nil
}

func (c ResetCommit) apply(s *State, u step) error {
	if !s.f.Reset.waits(c.Request) {
		return broken("reset-request", ErrRefused, "a reset that was not requested, or does not wait any more")
	}
	if err := u.signedBy(byDevice(s.f.Reset.Pending.Device), byRecovery(s.f.Reset.Pending.RecoveryKey)); err != nil {
		return err
	}
	p, err := s.f.Reset.carryOut(u.published)
	if err != nil {
		return err
	}
	s.revoke(func(DeviceID) bool { return true }, u)
	s.setRecovery(p.RecoveryKey, u)
	s.f.Identity = u.Sequence
	return s.add(p.Device, u)
}

func (c Move) apply(s *State, u step) error {
	if c.Address == s.f.Address {
		return broken("move-elsewhere", ErrRefused, "a move to the account's own address")
	}
	if err := u.signedBy(byRecovery(s.RecoveryKey()), s.byLiveDevice()); err != nil {
		return err
	}
	s.f.Moved = &c.Address
	return nil
}

func (c Close) apply(s *State, u step) error {
	if err := u.signedBy(byRecovery(s.RecoveryKey()), s.byLiveDevice()); err != nil {
		return err
	}
	s.f.Closed = true
	return nil
}
