// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"crypto/sha256"
	"maps"
	"slices"
	"time"
)

// State is what an account's statements come to: all that is needed to verify
// the next one. It never changes; Append returns another.
type State struct{ f fields }

// fields is what a State has, in the form in which MarshalBinary encodes it.
type fields struct {
	_ struct{} `cbor:",toarray"`

	Address   Address
	Created   time.Time
	Time      time.Time // that the last statement claims
	Published time.Time // the last one that is proven
	Length    uint64
	Head      Head
	Identity  uint64 // sequence number of the create or the last reset-commit statement

	Recovery []RecoveryRecord // all; the last one is in force
	Devices  []Device         // those that may speak, in the order of their addition
	History  []DeviceRecord   // all that ever could
	Used     map[usedKey]bool // signature, recovery and mailbox keys

	Reset    announcements
	Rotation announcements

	Closed bool
	Moved  *Address
}

// usedKey is a signature or recovery key, or the SHA-256 of a mailbox key.
type usedKey [sha256.Size]byte

// announcements is what a State knows about statements of one kind that wait.
type announcements struct {
	_       struct{} `cbor:",toarray"`
	Pending *Pending
	Vetoed  bool
	VetoAt  time.Time // proven time of the last veto; zero if not proven
}

// Pending is a reset or a new recovery key that was announced and waits.
type Pending struct {
	Statement   Head        `cbor:"1,keyasint"` // the head of the chain after the announcement
	Claimed     time.Time   `cbor:"2,keyasint"` // the announcement's own time
	Published   time.Time   `cbor:"3,keyasint"` // when it became public; zero if that is not proven
	RecoveryKey RecoveryKey `cbor:"4,keyasint"`
	// Device is the one device after a reset; not used for a recovery key.
	Device Device `cbor:"5,keyasint"`
	// By is the device that announced a recovery key; zero for a reset, which
	// nobody of the account signs.
	By DeviceID `cbor:"6,keyasint"`
}

// Due returns the earliest time at which the announcement can take effect, or the
// zero time if it is not proven when it became public.
func (p Pending) Due() time.Time {
	if p.Published.IsZero() {
		return time.Time{}
	}
	return p.Published.Add(Wait)
}

// DeviceRecord is what a chain says about a device of the past or present. Times
// are those at which the statements became public or, where that is not proven, the
// ones that they claim. The zero DeviceID in AddedBy and RevokedBy means the
// recovery key.
type DeviceRecord struct {
	ID        DeviceID  `cbor:"1,keyasint"`
	Added     uint64    `cbor:"2,keyasint"` // sequence number of the statement
	AddedAt   time.Time `cbor:"3,keyasint"`
	AddedBy   DeviceID  `cbor:"4,keyasint"` // itself, if the account began with it or was reset to it
	Revoked   uint64    `cbor:"5,keyasint"` // 0 for a device that may speak for the account
	RevokedAt time.Time `cbor:"6,keyasint"`
	RevokedBy DeviceID  `cbor:"7,keyasint"`
}

// RecoveryRecord is what a chain says about a recovery key of the past or present.
// Its times are like those of a DeviceRecord.
type RecoveryRecord struct {
	Key        RecoveryKey `cbor:"1,keyasint"`
	Added      uint64      `cbor:"2,keyasint"` // sequence number of the statement that put it in force
	AddedAt    time.Time   `cbor:"3,keyasint"`
	Replaced   uint64      `cbor:"4,keyasint"` // 0 for the key that is in force
	ReplacedAt time.Time   `cbor:"5,keyasint"`
}

// Address returns the account's address.
func (s *State) Address() Address { return s.f.Address }

// Created returns the time that the create statement claims.
func (s *State) Created() time.Time { return s.f.Created }

// RecoveryKey returns the account's recovery key, or the zero key before the first
// statement.
func (s *State) RecoveryKey() RecoveryKey {
	if len(s.f.Recovery) == 0 {
		return RecoveryKey{}
	}
	return s.f.Recovery[len(s.f.Recovery)-1].Key
}

// RecoveryHistory returns all recovery keys that the account ever had, in their
// order. Keys that were announced and never came in force are not among them.
func (s *State) RecoveryHistory() []RecoveryRecord { return slices.Clone(s.f.Recovery) }

// Devices returns the devices that may speak for the account.
func (s *State) Devices() []Device { return slices.Clone(s.f.Devices) }

// Device returns the device named id, if it may speak for the account.
func (s *State) Device(id DeviceID) (Device, bool) {
	for _, d := range s.f.Devices {
		if d.ID() == id {
			return d, true
		}
	}
	return Device{}, false
}

// History returns all devices that could ever speak for the account, in the order
// of their addition.
func (s *State) History() []DeviceRecord { return slices.Clone(s.f.History) }

// Leaf checks an MLS leaf: that its credential is of this account and that key
// is the signature key of the device it names. It returns that device, else
// ErrWrongAddress or ErrNotInChain.
func (s *State) Leaf(cred Credential, key []byte) (Device, error) {
	if cred.Address != s.f.Address {
		return Device{}, ErrWrongAddress
	}
	d, ok := s.Device(cred.Device)
	if !ok || string(key) != string(d.SignatureKey[:]) {
		return Device{}, ErrNotInChain
	}
	return d, nil
}

// Len returns the number of statements.
func (s *State) Len() int { return int(s.f.Length) }

// Room returns how many statements of every type the chain still takes; those of
// the reserve are not counted.
func (s *State) Room() int { return max(0, MaxStatements-ReservedStatements-int(s.f.Length)) }

// Head returns the head of the chain.
func (s *State) Head() Head { return s.f.Head }

// PendingReset returns the reset that waits, or nil.
func (s *State) PendingReset() *Pending { return s.f.Reset.copy() }

// PendingRotation returns the new recovery key that waits, or nil.
func (s *State) PendingRotation() *Pending { return s.f.Rotation.copy() }

// Moved returns the address at which the account goes on, if it was moved.
func (s *State) Moved() (Address, bool) {
	if s.f.Moved == nil {
		return Address{}, false
	}
	return *s.f.Moved, true
}

// Closed reports whether the account was closed.
func (s *State) Closed() bool { return s.f.Closed }

// Append verifies the next statement and returns the state after it. Published is
// the time at which the statement became public, as somebody proved it, or the
// zero time: then whatever waits for that time to pass is refused with ErrWait.
func (s *State) Append(statement []byte, published time.Time) (*State, error) {
	next := s.clone()
	if _, err := next.apply(statement, published); err != nil {
		return nil, err
	}
	return next, nil
}

func (s *State) clone() *State {
	c := *s
	c.f.Recovery = slices.Clone(s.f.Recovery)
	c.f.Devices, c.f.History, c.f.Used = slices.Clone(s.f.Devices), slices.Clone(s.f.History), maps.Clone(s.f.Used)
	c.f.Reset.Pending, c.f.Rotation.Pending = s.f.Reset.copy(), s.f.Rotation.copy()
	return &c // moved is not copied: nothing follows a move
}

func (a announcements) copy() *Pending {
	if a.Pending == nil {
		return nil
	}
	p := *a.Pending
	return &p
}

// use notes keys that must not come again.
func (s *State) use(keys ...usedKey) error {
	if s.f.Used == nil {
		s.f.Used = map[usedKey]bool{}
	}
	for _, k := range keys {
		if s.f.Used[k] {
			return broken("key-new", ErrRefused, "a key that the chain has had before, in whatever role")
		}
		s.f.Used[k] = true
	}
	return nil
}

func (d Device) usedKeys() []usedKey {
	return []usedKey{usedKey(d.SignatureKey), sha256.Sum256(d.MailboxKey[:])}
}

// add makes d a device of the account.
func (s *State) add(d Device, u step) error {
	if len(s.f.Devices) >= MaxDevices {
		return broken("add-limit", ErrRefused, "one more device than an account can have at one time")
	}
	s.f.Devices = append(s.f.Devices, d)
	s.f.History = append(s.f.History, DeviceRecord{ID: d.ID(), Added: u.Sequence, AddedAt: u.when(), AddedBy: u.firstSigner()})
	return nil
}

// revoke ends what the live devices that match can do.
func (s *State) revoke(match func(DeviceID) bool, u step) {
	s.f.Devices = slices.DeleteFunc(s.f.Devices, func(d Device) bool { return match(d.ID()) })
	for i := range s.f.History {
		r := &s.f.History[i]
		if r.Revoked == 0 && match(r.ID) {
			r.Revoked, r.RevokedAt, r.RevokedBy = u.Sequence, u.when(), u.firstSigner()
		}
	}
	if p := s.f.Rotation.Pending; p != nil && match(p.By) {
		s.f.Rotation.Pending = nil // what a revoked device announced does not take effect
	}
}

// setRecovery puts a recovery key in force. What a device announced is void.
func (s *State) setRecovery(k RecoveryKey, u step) {
	if n := len(s.f.Recovery); n > 0 {
		last := &s.f.Recovery[n-1]
		last.Replaced, last.ReplacedAt = u.Sequence, u.when()
	}
	s.f.Recovery = append(s.f.Recovery, RecoveryRecord{Key: k, Added: u.Sequence, AddedAt: u.when()})
	s.f.Rotation.Pending = nil
}

// announce notes a request that waits.
func (a *announcements) announce(p Pending) error {
	if a.Pending != nil && !passed(a.Pending.Published, p.Published, PendingLife) {
		return broken("wait-one", ErrRefused, "an announcement while another one of its kind waits")
	}
	if a.Vetoed && !passed(a.VetoAt, p.Published, VetoPause) {
		return broken("wait-pause", ErrWait, "an announcement within 30 days of a veto against one of its kind")
	}
	a.Pending = &p
	return nil
}

// carryOut ends the wait for a request that takes effect.
func (a *announcements) carryOut(published time.Time) (Pending, error) {
	p := *a.Pending
	if !passed(p.Published, published, Wait) {
		return p, broken("wait-passed", ErrWait, "what takes effect before 72 hours have passed since it was announced")
	}
	if passed(p.Published, published, PendingLife) {
		return p, broken("wait-life", ErrWait, "what takes effect later than 30 days after it was announced")
	}
	a.Pending = nil
	return p, nil
}

func (a *announcements) veto(published time.Time) {
	a.Pending, a.Vetoed, a.VetoAt = nil, true, published
}

func (a announcements) waits(request Head) bool {
	return a.Pending != nil && a.Pending.Statement == request
}

// passed reports whether it is proven that d lies between from and to.
func passed(from, to time.Time, d time.Duration) bool {
	return !from.IsZero() && !to.IsZero() && to.Sub(from) >= d
}
