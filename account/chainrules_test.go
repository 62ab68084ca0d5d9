// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// A story is a chain that grows, with a clock that tells when each statement
// became public.
type story struct {
	t     testing.TB
	chain *Chain
	now   time.Time
}

// begin returns the story of an account that k created.
func begin(t testing.TB, k keys) *story {
	t.Helper()
	chain, err := Verify(testAddress, [][]byte{create(t, k)}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	return &story{t, chain, testTime}
}

// sign returns the next statement. Its time is the story's.
func (s *story) sign(c Content, signers ...signer) []byte {
	s.t.Helper()
	d, err := s.chain.State().Draft(s.now, c)
	if err != nil {
		s.t.Fatal(err)
	}
	signatures := make([]Signature, len(signers))
	for i, k := range signers {
		signatures[i] = d.sign(k.role, k.key)
	}
	b, err := d.Statement(signatures...)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// try returns what appending the next statement comes to, and appends nothing.
func (s *story) try(c Content, signers ...signer) error {
	s.t.Helper()
	_, err := s.chain.Append(s.sign(c, signers...), s.now)
	return err
}

// add appends the next statement and returns the new head.
func (s *story) add(c Content, signers ...signer) Head {
	s.t.Helper()
	next, err := s.chain.Append(s.sign(c, signers...), s.now)
	if err != nil {
		s.t.Fatal(err)
	}
	s.chain = next
	return next.Head()
}

// fork returns another story with the same past.
func (s *story) fork() *story {
	f := *s
	return &f
}

func (s *story) after(d time.Duration) *story {
	s.now = s.now.Add(d)
	return s
}

func (k keys) recoveryKey(t testing.TB) RecoveryKey {
	return RecoveryKey(k.recovery(t).Public().(ed25519.PublicKey))
}

func (k keys) resetRequest(t testing.TB) ResetRequest {
	return ResetRequest{RecoveryKey: k.recoveryKey(t), Device: k.public(), Wait: Wait}
}

// cast has the keys of most stories: the account has the devices a and b and
// the recovery key of a; fresh and other were never in its chain.
type cast struct {
	*story
	a, b, fresh, other keys
}

func newCast(t testing.TB) cast {
	t.Helper()
	c := cast{a: newKeys(t, 1), b: newKeys(t, 2), fresh: newKeys(t, 3), other: newKeys(t, 4)}
	c.story = begin(t, c.a)
	c.add(AddDevice{c.b.public()}, c.a.asDevice(), c.b.asDevice())
	return c
}

// requestReset announces the reset to the fresh keys.
func (c cast) requestReset() Head {
	c.t.Helper()
	return c.add(c.fresh.resetRequest(c.t), c.fresh.asDevice(), c.fresh.asRecovery(c.t))
}

// announceRotation announces the fresh recovery key, signed by device a.
func (c cast) announceRotation() Head {
	c.t.Helper()
	return c.add(RotateRecovery{c.fresh.recoveryKey(c.t)}, c.a.asDevice(), c.fresh.asRecovery(c.t))
}

// nearFull returns an account whose chain has one statement less than those that
// are not reserved. Recovery keys fill it, since they cost least.
func nearFull(t testing.TB) (*story, keys) {
	t.Helper()
	k := newKeys(t, 1)
	s := begin(t, k)
	for i := 1; s.chain.Len() < MaxStatements-ReservedStatements-1; i++ {
		next := newSecretKeys(t, i)
		s.add(RotateRecovery{next.recoveryKey(t)}, k.asRecovery(t), next.asRecovery(t))
		k.secret = next.secret
	}
	return s, k
}

// newSecretKeys returns keys that have a recovery secret alone.
func newSecretKeys(t testing.TB, seed int) keys {
	t.Helper()
	b := new([RecoverySecretSize]byte)
	b[0], b[1], b[2] = 0xff, byte(seed), byte(seed>>8)
	return keys{secret: newRecoverySecret(b)}
}

// chainViolations break the rules of chains.
var chainViolations = map[string]func(t *testing.T) error{
	"chain-empty": func(*testing.T) error {
		_, err := Verify(testAddress, nil)
		return err
	},
	"chain-length": func(t *testing.T) error {
		s, k := nearFull(t)
		s.add(AddDevice{newKeys(t, 2).public()}, k.asDevice(), newKeys(t, 2).asDevice())
		// No statements that are allowed fill the reserve: there are not so many
		// devices. So the number is set.
		s.chain.state.f.Length = MaxStatements
		return s.try(Close{}, k.asRecovery(t), k.asDevice())
	},
	"chain-sequence one at the beginning": func(t *testing.T) error {
		k := newKeys(t, 1)
		return verifyAll(encode(t, 1, Head{}, k.content(t), k.asDevice(), k.asRecovery(t)))
	},
	"chain-sequence repeated": func(t *testing.T) error {
		k := newKeys(t, 1)
		return verifyAll(create(t, k), encode(t, 0, begin(t, k).chain.Head(), Close{}, k.asRecovery(t), k.asDevice()))
	},
	"chain-previous at the beginning": func(t *testing.T) error {
		k := newKeys(t, 1)
		return verifyAll(encode(t, 0, Head{1}, k.content(t), k.asDevice(), k.asRecovery(t)))
	},
	"chain-previous of another statement": func(t *testing.T) error {
		k := newKeys(t, 1)
		return verifyAll(create(t, k), encode(t, 1, Head{}, Close{}, k.asRecovery(t), k.asDevice()))
	},
	"chain-create is not first": func(t *testing.T) error {
		k := newKeys(t, 1)
		return verifyAll(encode(t, 0, Head{}, Close{}, k.asRecovery(t), k.asDevice()))
	},
	"chain-create twice": func(t *testing.T) error {
		k := newKeys(t, 1)
		return begin(t, k).try(k.content(t), k.asDevice(), k.asRecovery(t))
	},
	"chain-end after close": func(t *testing.T) error {
		c := newCast(t)
		c.add(Close{}, c.a.asRecovery(t), c.b.asDevice())
		return c.try(RevokeDevice{c.b.public().ID()}, c.a.asRecovery(t))
	},
	"chain-end after move": func(t *testing.T) error {
		c := newCast(t)
		c.add(Move{Address{"alice", "example.net"}}, c.a.asRecovery(t), c.a.asDevice())
		return c.try(Close{}, c.a.asRecovery(t), c.a.asDevice())
	},
	"chain-time": func(t *testing.T) error {
		c := newCast(t)
		b, err := encodeStatement(2, c.chain.Head(), testTime.Add(-time.Second), RevokeDevice{c.b.public().ID()}, c.a.asDevice())
		if err != nil {
			return err
		}
		_, err = c.chain.Append(b, testTime)
		return err
	},
	"chain-published": func(t *testing.T) error {
		c := newCast(t)
		_, err := c.chain.Append(c.sign(RevokeDevice{c.b.public().ID()}, c.a.asDevice()), testTime.Add(-time.Second))
		return err
	},
	"chain-future": func(t *testing.T) error {
		c := newCast(t)
		b := c.fork().after(MaxAhead+time.Second).sign(RevokeDevice{c.b.public().ID()}, c.a.asDevice())
		_, err := c.chain.Append(b, testTime)
		return err
	},
	"chain-reserve": func(t *testing.T) error {
		s, k := nearFull(t)
		b := newKeys(t, 2)
		s.add(AddDevice{b.public()}, k.asDevice(), b.asDevice())
		return s.try(AddDevice{newKeys(t, 3).public()}, k.asDevice(), newKeys(t, 3).asDevice())
	},
	"chain-address": func(t *testing.T) error {
		_, err := Verify(Address{"mallory", "example.org"}, [][]byte{create(t, newKeys(t, 1))})
		return err
	},
	"signed-valid first": func(t *testing.T) error {
		return verifyAll(resign(t, create(t, newKeys(t, 1)), 0, flip))
	},
	"signed-valid second": func(t *testing.T) error {
		return verifyAll(resign(t, create(t, newKeys(t, 1)), 1, flip))
	},
	"signed-valid in the other role": func(t *testing.T) error {
		k := newKeys(t, 1)
		return verifyAll(resign(t, create(t, k), 0, func(body, _ []byte) []byte { return ed25519.Sign(k.device, signedBytes(RoleRecovery, body)) }))
	},
	"signed-valid without context": func(t *testing.T) error {
		k := newKeys(t, 1)
		return verifyAll(resign(t, create(t, k), 0, func(body, _ []byte) []byte { return ed25519.Sign(k.device, body) }))
	},
	"signed-valid of another statement": func(t *testing.T) error {
		c := newCast(t)
		old := c.sign(AddDevice{c.fresh.public()}, c.a.asDevice(), c.fresh.asDevice())
		c.add(RevokeDevice{c.b.public().ID()}, c.a.asDevice())
		var w wireStatement
		if err := dcbor.Unmarshal(old, &w); err != nil {
			return err
		}
		_, err := c.chain.Append(resign(t, c.sign(AddDevice{c.fresh.public()}, c.a.asDevice(), c.fresh.asDevice()), 0,
			func(_, _ []byte) []byte { return w.Signatures[0].Signature }), c.now)
		return err
	},
	"signed-by nobody that lives": func(t *testing.T) error {
		c := newCast(t)
		c.add(RevokeDevice{c.b.public().ID()}, c.a.asDevice())
		return c.try(AddDevice{c.fresh.public()}, c.b.asDevice(), c.fresh.asDevice())
	},
	"signed-by the last device, which revokes itself": func(t *testing.T) error {
		k := newKeys(t, 1)
		return begin(t, k).try(RevokeDevice{k.public().ID()}, k.asDevice())
	},
}

func verifyAll(statements ...[]byte) error {
	_, err := Verify(testAddress, statements)
	return err
}

// keyViolations break the rules of keys, devices and moves.
var keyViolations = map[string]func(t *testing.T) error{
	"key-new of one key for device and recovery": func(t *testing.T) error {
		k := newKeys(t, 1)
		c := k.content(t)
		c.RecoveryKey = RecoveryKey(k.public().SignatureKey)
		return verifyAll(encode(t, 0, Head{}, c, k.asDevice(), signer{RoleRecovery, k.device}))
	},
	"key-new of a revoked device": func(t *testing.T) error {
		c := newCast(t)
		c.add(RevokeDevice{c.b.public().ID()}, c.a.asDevice())
		return c.try(AddDevice{c.b.public()}, c.a.asDevice(), c.b.asDevice())
	},
	"key-new of a mailbox that was there": func(t *testing.T) error {
		c := newCast(t)
		mixed := c.fresh
		mixed.mailbox = c.b.mailbox
		return c.try(AddDevice{mixed.public()}, c.a.asDevice(), mixed.asDevice())
	},
	"key-new of the recovery key before": func(t *testing.T) error {
		c := newCast(t)
		c.add(RotateRecovery{c.fresh.recoveryKey(t)}, c.a.asRecovery(t), c.fresh.asRecovery(t))
		return c.try(RotateRecovery{c.a.recoveryKey(t)}, c.fresh.asRecovery(t), c.a.asRecovery(t))
	},
	"key-new of a device's key as recovery key": func(t *testing.T) error {
		c := newCast(t)
		key := RecoveryKey(c.b.public().SignatureKey)
		return c.try(RotateRecovery{key}, c.a.asRecovery(t), signer{RoleRecovery, c.b.device})
	},
	"key-new of a reset that was vetoed": func(t *testing.T) error {
		c := newCast(t)
		c.add(ResetVeto{c.requestReset()}, c.a.asDevice())
		return c.try(AddDevice{c.fresh.public()}, c.a.asDevice(), c.fresh.asDevice())
	},
	"add-limit": func(t *testing.T) error {
		k := newKeys(t, 1)
		s := begin(t, k)
		for i := range byte(MaxDevices) {
			next := newKeys(t, 10+i)
			if i == MaxDevices-1 {
				return s.try(AddDevice{next.public()}, k.asDevice(), next.asDevice())
			}
			s.add(AddDevice{next.public()}, k.asDevice(), next.asDevice())
		}
		return nil
	},
	"revoke-live never a device": func(t *testing.T) error {
		c := newCast(t)
		return c.try(RevokeDevice{c.fresh.public().ID()}, c.a.asDevice())
	},
	"revoke-live twice": func(t *testing.T) error {
		c := newCast(t)
		c.add(RevokeDevice{c.b.public().ID()}, c.a.asDevice())
		return c.try(RevokeDevice{c.b.public().ID()}, c.a.asDevice())
	},
	"move-elsewhere": func(t *testing.T) error {
		c := newCast(t)
		return c.try(Move{testAddress}, c.a.asRecovery(t), c.a.asDevice())
	},
	"move-address not moved": func(t *testing.T) error {
		c := newCast(t)
		return c.chain.ContinuedBy(elsewhere(t, c.a))
	},
	"move-recovery": func(t *testing.T) error {
		c := newCast(t)
		c.add(Move{movedTo}, c.a.asRecovery(t), c.a.asDevice())
		thief := c.a
		thief.secret = c.other.secret
		return c.chain.ContinuedBy(elsewhere(t, thief))
	},
	"move-device": func(t *testing.T) error {
		c := newCast(t)
		c.add(Move{movedTo}, c.a.asRecovery(t), c.a.asDevice())
		thief := c.other
		thief.secret = c.a.secret
		return c.chain.ContinuedBy(elsewhere(t, thief))
	},
	"move-device was revoked": func(t *testing.T) error {
		c := newCast(t)
		c.add(RevokeDevice{c.b.public().ID()}, c.a.asDevice())
		c.add(Move{movedTo}, c.a.asRecovery(t), c.a.asDevice())
		revoked := c.b
		revoked.secret = c.a.secret
		return c.chain.ContinuedBy(elsewhere(t, revoked))
	},
}

var movedTo = Address{"alice", "example.net"}

// elsewhere returns an account of k at movedTo.
func elsewhere(t testing.TB, k keys) *Chain {
	t.Helper()
	b, err := Create(CreateParams{Address: movedTo, Time: testTime, DeviceKey: k.device, MailboxKey: k.mailbox, Recovery: k.secret})
	if err != nil {
		t.Fatal(err)
	}
	chain, err := Verify(movedTo, [][]byte{b})
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

// waitViolations break the rules of waits and vetoes.
var waitViolations = map[string]func(t *testing.T) error{
	"reset-wait of nothing": func(t *testing.T) error {
		c := newCast(t)
		r := c.fresh.resetRequest(t)
		r.Wait = 0
		return c.try(r, c.fresh.asDevice(), c.fresh.asRecovery(t))
	},
	"reset-wait of a year": func(t *testing.T) error {
		c := newCast(t)
		r := c.fresh.resetRequest(t)
		r.Wait = MaxResetWait
		return c.try(r, c.fresh.asDevice(), c.fresh.asRecovery(t))
	},
	"wait-one reset at a time": func(t *testing.T) error {
		c := newCast(t)
		c.requestReset()
		return c.after(PendingLife-time.Second).try(c.other.resetRequest(t), c.other.asDevice(), c.other.asRecovery(t))
	},
	"wait-one rotation at a time": func(t *testing.T) error {
		c := newCast(t)
		c.announceRotation()
		return c.try(RotateRecovery{c.other.recoveryKey(t)}, c.b.asDevice(), c.other.asRecovery(t))
	},
	"wait-pause after the veto of a reset": func(t *testing.T) error {
		c := newCast(t)
		c.add(ResetVeto{c.requestReset()}, c.a.asDevice())
		return c.after(VetoPause-time.Second).try(c.other.resetRequest(t), c.other.asDevice(), c.other.asRecovery(t))
	},
	"wait-pause after the veto of a recovery key": func(t *testing.T) error {
		c := newCast(t)
		c.add(ResetVeto{c.announceRotation()}, c.b.asDevice())
		return c.after(VetoPause-time.Second).try(RotateRecovery{c.other.recoveryKey(t)}, c.a.asDevice(), c.other.asRecovery(t))
	},
	"wait-pause without proof": func(t *testing.T) error {
		c := newCast(t)
		c.add(ResetVeto{c.requestReset()}, c.a.asDevice())
		c.after(2 * VetoPause)
		_, err := c.chain.Append(c.sign(c.other.resetRequest(t), c.other.asDevice(), c.other.asRecovery(t)), time.Time{})
		return err
	},
	"wait-passed reset a second too early": func(t *testing.T) error {
		c := newCast(t)
		request := c.requestReset()
		return c.after(Wait-time.Second).try(ResetCommit{request}, c.fresh.asDevice(), c.fresh.asRecovery(t))
	},
	"wait-passed recovery key a second too early": func(t *testing.T) error {
		c := newCast(t)
		c.announceRotation()
		return c.after(Wait-time.Second).try(RotateRecovery{c.fresh.recoveryKey(t)}, c.a.asDevice(), c.fresh.asRecovery(t))
	},
	"wait-passed by the statement's own time alone": func(t *testing.T) error {
		c := newCast(t)
		request := c.requestReset()
		c.after(Wait)
		_, err := c.chain.Append(c.sign(ResetCommit{request}, c.fresh.asDevice(), c.fresh.asRecovery(t)), testTime.Add(Wait-MaxAhead))
		return err
	},
	"wait-passed without proof of the commit's time": func(t *testing.T) error {
		c := newCast(t)
		request := c.requestReset()
		c.after(Wait)
		_, err := c.chain.Append(c.sign(ResetCommit{request}, c.fresh.asDevice(), c.fresh.asRecovery(t)), time.Time{})
		return err
	},
	"wait-passed without proof of the request's time": func(t *testing.T) error {
		c := newCast(t)
		request, err := c.chain.Append(c.sign(c.fresh.resetRequest(t), c.fresh.asDevice(), c.fresh.asRecovery(t)), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		c.chain = request
		return c.after(Wait).try(ResetCommit{request.Head()}, c.fresh.asDevice(), c.fresh.asRecovery(t))
	},
	"wait-life": func(t *testing.T) error {
		c := newCast(t)
		request := c.requestReset()
		return c.after(PendingLife).try(ResetCommit{request}, c.fresh.asDevice(), c.fresh.asRecovery(t))
	},
	"veto-request of nothing": func(t *testing.T) error {
		c := newCast(t)
		return c.try(ResetVeto{c.chain.Head()}, c.a.asDevice())
	},
	"veto-request twice": func(t *testing.T) error {
		c := newCast(t)
		request := c.requestReset()
		c.add(ResetVeto{request}, c.a.asDevice())
		return c.try(ResetVeto{request}, c.b.asDevice())
	},
	"veto-other": func(t *testing.T) error {
		c := newCast(t)
		return c.try(ResetVeto{c.announceRotation()}, c.a.asDevice())
	},
	"reset-request never made": func(t *testing.T) error {
		c := newCast(t)
		return c.try(ResetCommit{c.chain.Head()}, c.fresh.asDevice(), c.fresh.asRecovery(t))
	},
	"reset-request vetoed": func(t *testing.T) error {
		c := newCast(t)
		request := c.requestReset()
		c.add(ResetVeto{request}, c.a.asRecovery(t))
		return c.after(Wait).try(ResetCommit{request}, c.fresh.asDevice(), c.fresh.asRecovery(t))
	},
}

// TestClockFarAheadAtTheBeginning has an account begin with a clock that is years
// ahead: later statements, of a clock that was put right, are taken nevertheless.
func TestClockFarAheadAtTheBeginning(t *testing.T) {
	k := newKeys(t, 1)
	late := testTime.AddDate(10, 0, 0)
	first, err := Create(CreateParams{Address: testAddress, Time: late, DeviceKey: k.device, MailboxKey: k.public().MailboxKey, Recovery: k.secret})
	if err != nil {
		t.Fatal(err)
	}
	chain, err := Verify(testAddress, [][]byte{first}) // its time was not believed
	if err != nil {
		t.Fatal(err)
	}
	b := newKeys(t, 2)
	for at, want := range map[time.Duration]string{0: "", time.Second: "chain-future"} {
		draft, err := chain.State().Draft(testTime, AddDevice{b.public()})
		if err != nil {
			t.Fatal(err)
		}
		if at > 0 {
			if draft, err = chain.State().Draft(late.Add(at), AddDevice{b.public()}); err != nil {
				t.Fatal(err)
			}
		}
		byA, err1 := draft.SignDevice(k.device)
		byB, err2 := draft.SignDevice(b.device)
		statement, err3 := draft.Statement(byA, byB)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		if _, err := chain.Append(statement, testTime); BrokenRule(err) != want {
			t.Errorf("%s after the first statement's time: %v", at, err)
		}
	}
}
