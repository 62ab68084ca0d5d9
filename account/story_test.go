// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func (s *story) devices() []DeviceID {
	var ids []DeviceID
	for _, d := range s.chain.Devices() {
		ids = append(ids, d.ID())
	}
	return ids
}

func TestDevicesComeAndGo(t *testing.T) {
	c := newCast(t)
	a, b, fresh := c.a.public(), c.b.public(), c.fresh.public()
	before := c.chain.Head()
	c.after(time.Hour).add(AddDevice{fresh}, c.a.asRecovery(t), c.fresh.asDevice())
	with := c.chain.Head()
	c.after(time.Hour).add(RevokeDevice{a.ID()}, c.b.asDevice())
	if got := c.devices(); !slices.Equal(got, []DeviceID{b.ID(), fresh.ID()}) {
		t.Fatal(got)
	}
	want := []DeviceRecord{
		{ID: a.ID(), AddedAt: testTime, AddedBy: a.ID(), Revoked: 3, RevokedAt: testTime.Add(2 * time.Hour), RevokedBy: b.ID()},
		{ID: b.ID(), Added: 1, AddedAt: testTime, AddedBy: a.ID()},
		{ID: fresh.ID(), Added: 2, AddedAt: testTime.Add(time.Hour)},
	}
	if got := c.chain.State().History(); !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v", got)
	}
	for _, live := range []struct {
		id   DeviceID
		head Head
		want bool
	}{
		{a.ID(), before, true}, {a.ID(), with, true}, {a.ID(), c.chain.Head(), false}, {fresh.ID(), before, false},
		{fresh.ID(), with, true}, {fresh.ID(), c.chain.Head(), true}, {a.ID(), Head{1}, false}, {c.other.public().ID(), with, false},
	} {
		if got := c.chain.WasLive(live.id, live.head); got != live.want {
			t.Errorf("%v at %v: %v", live.id, live.head, got)
		}
	}
	if _, err := c.chain.Leaf(Credential{testAddress, a.ID()}, a.SignatureKey[:]); !errors.Is(err, ErrNotInChain) {
		t.Error("a revoked device's leaf:", err)
	}
	// The recovery key revokes the last device, and brings another one.
	c.add(RevokeDevice{b.ID()}, c.b.asDevice())
	c.add(RevokeDevice{fresh.ID()}, c.a.asRecovery(t))
	if len(c.devices()) != 0 {
		t.Fatal(c.devices())
	}
	c.add(AddDevice{c.other.public()}, c.a.asRecovery(t), c.other.asDevice())
}

func TestDeltas(t *testing.T) {
	c := newCast(t)
	first, whole := begin(t, c.a).chain, c.chain
	delta, known := whole.Since(first.Head())
	if !known || len(delta) != 1 {
		t.Fatal(len(delta), known)
	}
	next, err := first.Append(delta[0], testTime)
	if err != nil || next.Head() != whole.Head() || !reflect.DeepEqual(next, whole) {
		t.Fatal("another chain", err)
	}
	if delta, known := whole.Since(whole.Head()); !known || len(delta) != 0 {
		t.Error("since its own head")
	}
	if _, known := first.Since(whole.Head()); known {
		t.Error("since a head that it does not have")
	}
	again, err := Verify(testAddress, whole.Statements(), whole.Published()...)
	if err != nil || !reflect.DeepEqual(again, whole) {
		t.Error("verified again:", err)
	}
}

func TestRecoveryKeyOfTheOwnerIsReplacedAtOnce(t *testing.T) {
	c := newCast(t)
	c.announceRotation()
	c.after(time.Hour).add(RotateRecovery{c.other.recoveryKey(t)}, c.a.asRecovery(t), c.other.asRecovery(t))
	if c.chain.RecoveryKey() != c.other.recoveryKey(t) || c.chain.State().PendingRotation() != nil {
		t.Fatal("what a device announced is still there")
	}
	want := []RecoveryRecord{
		{Key: c.a.recoveryKey(t), AddedAt: testTime, Replaced: 3, ReplacedAt: testTime.Add(time.Hour)},
		{Key: c.other.recoveryKey(t), Added: 3, AddedAt: testTime.Add(time.Hour)},
	}
	if got := c.chain.State().RecoveryHistory(); !slices.Equal(got, want) {
		t.Fatalf("got %+v", got)
	}
}

func TestRecoveryKeyOfADeviceWaits(t *testing.T) {
	c := newCast(t)
	head := c.announceRotation()
	p := c.chain.State().PendingRotation()
	want := Pending{Statement: head, Claimed: testTime, Published: testTime, RecoveryKey: c.fresh.recoveryKey(t), By: c.a.public().ID()}
	if p == nil || *p != want || !p.Due().Equal(testTime.Add(Wait)) || c.chain.RecoveryKey() != c.a.recoveryKey(t) {
		t.Fatalf("got %+v", p)
	}
	rotate := RotateRecovery{c.fresh.recoveryKey(t)}
	t.Run("in force", func(t *testing.T) {
		f := c.fork().after(Wait)
		f.add(rotate, c.b.asDevice(), c.fresh.asRecovery(t)) // any device
		if f.chain.RecoveryKey() != c.fresh.recoveryKey(t) || f.chain.State().PendingRotation() != nil {
			t.Fatal("not in force")
		}
	})
	for name, veto := range map[string]signer{"vetoed by another device": c.b.asDevice(), "vetoed by the old key": c.a.asRecovery(t)} {
		t.Run(name, func(t *testing.T) {
			f := c.fork()
			f.add(ResetVeto{head}, veto)
			if err := f.after(Wait).try(rotate, c.a.asDevice(), c.fresh.asRecovery(t)); BrokenRule(err) != "key-new" {
				t.Fatal(err)
			}
			f.after(VetoPause).add(RotateRecovery{c.other.recoveryKey(t)}, c.a.asDevice(), c.other.asRecovery(t))
		})
	}
	t.Run("void when its device is revoked", func(t *testing.T) {
		f := c.fork()
		f.add(RevokeDevice{c.a.public().ID()}, c.b.asDevice())
		if f.chain.State().PendingRotation() != nil {
			t.Fatal("it still waits")
		}
		f.add(RotateRecovery{c.other.recoveryKey(t)}, c.b.asDevice(), c.other.asRecovery(t))
	})
	t.Run("replaced when it is too old", func(t *testing.T) {
		f := c.fork().after(PendingLife)
		f.add(RotateRecovery{c.other.recoveryKey(t)}, c.b.asDevice(), c.other.asRecovery(t))
		if p := f.chain.State().PendingRotation(); p == nil || p.RecoveryKey != c.other.recoveryKey(t) {
			t.Fatalf("got %+v", p)
		}
	})
}

func TestReset(t *testing.T) {
	c := newCast(t)
	peer := begin(t, c.other).chain
	identity, number := c.chain.Identity(), SafetyNumber(c.chain, peer)
	request := c.requestReset()
	if p := c.chain.State().PendingReset(); p == nil || p.Statement != request || p.Device != c.fresh.public() || p.By != (DeviceID{}) {
		t.Fatalf("got %+v", p)
	}
	// The account goes on while a reset waits.
	c.add(RevokeDevice{c.b.public().ID()}, c.a.asDevice())
	if c.chain.Identity() != identity || SafetyNumber(c.chain, peer) != number {
		t.Fatal("a request is enough for another identity")
	}
	c.after(Wait)
	commit := c.add(ResetCommit{request}, c.fresh.asDevice(), c.fresh.asRecovery(t))
	if got := c.devices(); !slices.Equal(got, []DeviceID{c.fresh.public().ID()}) || c.chain.RecoveryKey() != c.fresh.recoveryKey(t) {
		t.Fatal(got)
	}
	if c.chain.Identity() != commit || SafetyNumber(c.chain, peer) == number || c.chain.State().PendingReset() != nil {
		t.Fatal("the identity is the old one")
	}
	for name, err := range map[string]error{
		"old device":       c.try(RevokeDevice{c.fresh.public().ID()}, c.a.asDevice()),
		"old recovery key": c.try(RevokeDevice{c.fresh.public().ID()}, c.a.asRecovery(t)),
	} {
		if BrokenRule(err) != "signed-by" {
			t.Errorf("%s: %v", name, err)
		}
	}
	records := c.chain.State().History()
	if r := records[0]; r.Revoked != 4 || r.RevokedBy != c.fresh.public().ID() {
		t.Errorf("got %+v", r)
	}
	if r := records[1]; r.Revoked != 3 || r.RevokedBy != c.a.public().ID() {
		t.Errorf("what was revoked before: %+v", r)
	}
}

func TestResetIsVetoed(t *testing.T) {
	for name, veto := range map[string]func(cast) signer{
		"by a device": func(c cast) signer { return c.b.asDevice() }, "by the recovery key": func(c cast) signer { return c.a.asRecovery(t) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCast(t)
			c.add(ResetVeto{c.requestReset()}, veto(c))
			c.after(VetoPause).add(c.other.resetRequest(t), c.other.asDevice(), c.other.asRecovery(t))
		})
	}
}

// An account that somebody asked to reset, and who then never came, is not out of
// reach of its owner.
func TestForgottenResetIsReplaced(t *testing.T) {
	c := newCast(t)
	c.requestReset()
	c.after(PendingLife)
	request := c.add(c.other.resetRequest(t), c.other.asDevice(), c.other.asRecovery(t))
	c.after(Wait).add(ResetCommit{request}, c.other.asDevice(), c.other.asRecovery(t))
}

func TestFullChainStillRevokes(t *testing.T) {
	s, k := nearFull(t)
	thief := newKeys(t, 2)
	s.add(AddDevice{thief.public()}, k.asDevice(), thief.asDevice())
	if s.chain.State().Room() != 0 || s.chain.Len() != MaxStatements-ReservedStatements {
		t.Fatal(s.chain.State().Room(), s.chain.Len())
	}
	s.add(RevokeDevice{thief.public().ID()}, k.asDevice())
	s.add(Move{movedTo}, k.asRecovery(t), k.asDevice())
}

func TestMoveIsContinuedByItsOwner(t *testing.T) {
	c := newCast(t)
	c.add(Move{movedTo}, c.a.asRecovery(t), c.b.asDevice())
	if to, moved := c.chain.State().Moved(); !moved || to != movedTo || c.chain.State().Closed() {
		t.Fatal(to, moved)
	}
	mover := c.b
	mover.secret = c.a.secret
	if err := c.chain.ContinuedBy(elsewhere(t, mover)); err != nil {
		t.Fatal(err)
	}
}

func TestDraftIsSignedOnTwoDevices(t *testing.T) {
	c := newCast(t)
	state := c.chain.State()
	d, err := state.Draft(testTime.Add(-time.Hour), AddDevice{c.fresh.public()}) // a slow clock
	if err != nil {
		t.Fatal(err)
	}
	there, err := ParseDraft(d.Body())
	if err != nil || there.Content != (AddDevice{c.fresh.public()}) || there.Previous != state.Head() || there.Sequence != 2 || !there.Time.Equal(testTime) {
		t.Fatalf("got %+v, %v", there, err)
	}
	second, err := there.SignDevice(c.fresh.device)
	if err != nil {
		t.Fatal(err)
	}
	first, err := d.SignRecovery(c.a.secret)
	if err != nil {
		t.Fatal(err)
	}
	statement, err := d.Statement(first, second)
	if err != nil {
		t.Fatal(err)
	}
	next, err := state.Append(statement, time.Time{})
	if err != nil || next.Len() != 3 || state.Len() != 2 {
		t.Fatal(err)
	}
	if _, err := ParseDraft(d.Body()[1:]); BrokenRule(err) != "format-encoding" {
		t.Error(err)
	}
	if _, err := d.SignDevice(nil); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
	if _, err := d.SignRecovery(RecoverySecret{}); !errors.Is(err, ErrNoSecret) {
		t.Error(err)
	}
}

func TestSealingKey(t *testing.T) {
	k := newKeys(t, 1)
	private, err := k.secret.SealingKey()
	if err != nil {
		t.Fatal(err)
	}
	b, err := k.secret.SignedSealingKey()
	if err != nil {
		t.Fatal(err)
	}
	public, err := ParseSealingKey(k.recoveryKey(t), b)
	if err != nil || !bytes.Equal(public.Bytes(), private.PublicKey().Bytes()) {
		t.Fatal("another key", err)
	}
	for _, f := range []func() error{
		func() error { _, err := RecoverySecret{}.SealingKey(); return err },
		func() error { _, err := RecoverySecret{}.SignedSealingKey(); return err },
	} {
		if err := f(); !errors.Is(err, ErrNoSecret) {
			t.Error(err)
		}
	}
}

// TestModel lets chance append statements of seven sets of keys, of which many are
// refused, and compares what three ways of verification find.
func TestModel(t *testing.T) {
	people := make([]keys, 7)
	for i := range people {
		people[i] = newKeys(t, byte(i+1))
	}
	accepted := map[Type]int{}
	rapid.Check(t, func(rt *rapid.T) {
		s := begin(t, people[0])
		for range rapid.IntRange(20, 60).Draw(rt, "steps") {
			s.after(rapid.SampledFrom([]time.Duration{0, time.Hour, Wait, PendingLife}).Draw(rt, "wait"))
			content, signers := s.chance(rt, people)
			s.step(rt, content, signers, accepted)
		}
	})
	t.Log(accepted)
	for _, row := range signing[1:] {
		if accepted[row.typ] == 0 {
			t.Errorf("no %v was ever accepted", row.typ)
		}
	}
}

// chance draws a statement. Its signers are right as often as not, if there are
// people who have the keys.
func (s *story) chance(t *rapid.T, people []keys) (Content, []signer) {
	var devices, recoveries []signer
	for _, k := range people {
		if _, live := s.chain.Device(k.public().ID()); live || rapid.IntRange(0, 9).Draw(t, "any device") == 0 {
			devices = append(devices, k.asDevice())
		}
		if s.chain.RecoveryKey() == k.recoveryKey(s.t) || rapid.IntRange(0, 9).Draw(t, "any recovery key") == 0 {
			recoveries = append(recoveries, k.asRecovery(s.t))
		}
	}
	if len(devices) == 0 || len(recoveries) == 0 {
		return Close{}, []signer{people[0].asRecovery(s.t), people[0].asDevice()}
	}
	device, recovery := rapid.SampledFrom(devices).Draw(t, "device"), rapid.SampledFrom(recoveries).Draw(t, "recovery key")
	either := rapid.SampledFrom([]signer{device, recovery}).Draw(t, "either")
	k := rapid.SampledFrom(people).Draw(t, "subject")
	request := s.chain.Head()
	if p := s.chain.State().PendingRotation(); p != nil {
		request = p.Statement
	}
	var commit keys
	if p := s.chain.State().PendingReset(); p != nil && rapid.IntRange(0, 3).Draw(t, "about a reset") > 0 {
		request = p.Statement
		for _, k := range people {
			if k.public() == p.Device {
				commit = k
			}
		}
	}
	if commit.device == nil {
		commit = k
	}
	switch rapid.IntRange(0, 24).Draw(t, "type") {
	case 20:
		return Move{movedTo}, []signer{recovery, device}
	case 19:
		return Close{}, []signer{recovery, device}
	case 2, 3:
		return RevokeDevice{SignatureKey(device.key.Public().(ed25519.PublicKey)).ID()}, []signer{either}
	case 4, 5, 6:
		return RotateRecovery{k.recoveryKey(s.t)}, []signer{either, k.asRecovery(s.t)}
	case 1, 7, 8, 9, 10:
		return k.resetRequest(s.t), []signer{k.asDevice(), k.asRecovery(s.t)}
	case 11, 12:
		return ResetVeto{request}, []signer{either}
	case 13, 14, 15, 16, 17, 18:
		return ResetCommit{request}, []signer{commit.asDevice(), commit.asRecovery(s.t)}
	default:
		return AddDevice{k.public()}, []signer{either, k.asDevice()}
	}
}

// step tries one statement on the chain, on its state and on a snapshot of that.
func (s *story) step(t *rapid.T, c Content, signers []signer, accepted map[Type]int) {
	statement, before := s.sign(c, signers...), s.chain.Len()
	next, err := s.chain.Append(statement, s.now)
	restored, err2 := snapshotOf(s.t, s.chain.State()).Append(statement, s.now)
	whole, err3 := Verify(testAddress, append(s.chain.Statements(), statement), append(s.chain.Published(), s.now)...)
	if BrokenRule(err) != BrokenRule(err2) || BrokenRule(err) != BrokenRule(err3) || s.chain.Len() != before {
		t.Fatalf("%v, %v, %v", err, err2, err3)
	}
	if err != nil {
		return
	}
	if !reflect.DeepEqual(next, whole) || !reflect.DeepEqual(next.State(), restored) {
		t.Fatal("the three ways differ")
	}
	if live := len(next.Devices()); live > MaxDevices {
		t.Fatal(live, "devices")
	}
	accepted[c.Type()]++
	s.chain = next
}

func BenchmarkVerify(b *testing.B) {
	full, _ := nearFull(b)
	for name, s := range map[string]*story{"2": newCast(b).story, "991": full} {
		statements := s.chain.Statements()
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Verify(testAddress, statements); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAppend verifies one statement after another one in a stored state.
func BenchmarkAppend(b *testing.B) {
	full, k := nearFull(b)
	for name, s := range map[string]struct {
		*story
		k keys
	}{"after 2": {newCast(b).story, newKeys(b, 1)}, "after 991": {full, k}} {
		c := s.k
		statement := s.sign(Close{}, c.asRecovery(b), c.asDevice())
		stored, err := s.chain.State().MarshalBinary()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				state := new(State)
				if err := state.UnmarshalBinary(stored); err != nil {
					b.Fatal(err)
				}
				if _, err := state.Append(statement, testTime); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
