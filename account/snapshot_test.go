// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"testing"
)

// snapshotOf returns a state after MarshalBinary and UnmarshalBinary.
func snapshotOf(t testing.TB, s *State) *State {
	t.Helper()
	b, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	back := new(State)
	if err := back.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	return back
}

func TestSnapshot(t *testing.T) {
	c := newCast(t)
	c.add(ResetVeto{c.requestReset()}, c.b.asDevice())
	c.add(RotateRecovery{c.other.recoveryKey(t)}, c.a.asDevice(), c.other.asRecovery(t))
	b, err := c.chain.State().MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "state.hex", hex.EncodeToString(b))
	if back := snapshotOf(t, c.chain.State()); !reflect.DeepEqual(back, c.chain.State()) {
		t.Fatalf("got %+v", back)
	}
	for name, bad := range map[string]struct {
		b    []byte
		want error
	}{
		"version 2": {marshal(t, list{2, 0}), ErrUnknown}, "empty": {nil, ErrMalformed}, "truncated": {b[:len(b)-1], ErrMalformed},
		"trailing": {append(bytes.Clone(b), 0), ErrMalformed}, "other fields": {marshal(t, list{1, list{}}), ErrMalformed},
	} {
		s := new(State)
		if err := s.UnmarshalBinary(bad.b); !errors.Is(err, bad.want) || s.Len() != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestChainSnapshot(t *testing.T) {
	c := newCast(t)
	c.add(ResetVeto{c.requestReset()}, c.b.asDevice())
	b, err := c.chain.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	back := new(Chain)
	if err := back.UnmarshalBinary(b); err != nil || !reflect.DeepEqual(back, c.chain) {
		t.Fatalf("got %+v, %v", back, err)
	}
	last := len(c.chain.statements) - 1
	shorter := chainSnapshot{Version: 1, Fields: c.chain.state.f, Statements: c.chain.statements[:last], Published: c.chain.published[:last]}
	other := shorter
	other.Statements, other.Published = slices.Repeat(c.chain.statements[:1], last+1), c.chain.published
	for name, bad := range map[string]struct {
		b    []byte
		want error
	}{
		"version 2": {marshal(t, list{2, 0}), ErrUnknown}, "truncated": {b[:len(b)-1], ErrMalformed}, "a state": {marshal(t, list{1, list{}}), ErrMalformed},
		"fewer statements": {marshal(t, shorter), ErrMalformed}, "other statements": {marshal(t, other), ErrMalformed},
	} {
		if err := new(Chain).UnmarshalBinary(bad.b); !errors.Is(err, bad.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzState(f *testing.F) {
	c := newCast(f)
	for range 2 {
		b, err := c.chain.State().MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		if c.chain.Len() == 2 {
			c.requestReset()
		}
	}
	next := c.sign(RevokeDevice{c.b.public().ID()}, c.a.asDevice())
	f.Fuzz(func(t *testing.T, b []byte) {
		s := new(State)
		if s.UnmarshalBinary(b) != nil {
			return
		}
		if again, err := s.MarshalBinary(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x became %x, %v", b, again, err)
		}
		_, _ = s.Append(next, testTime) // it does not panic
	})
}
