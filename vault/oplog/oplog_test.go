// SPDX-License-Identifier: AGPL-3.0-or-later

package oplog

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/pack"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// writer is a log that is being written.
type writer struct {
	t        testing.TB
	keys     *keys.Keyring
	recovery ed25519.PrivateKey
	device   *keys.Device
	state    *State
}

func newWriter(t testing.TB) *writer {
	t.Helper()
	c, r, err := keys.NewConfig(must(account.NewRecoverySecret(rand.Reader)))
	if err != nil {
		t.Fatal(err)
	}
	d := must(keys.NewDevice())
	k, _, err := keys.New(c, r, d.KEM.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	w := &writer{t, k, r.Signature, d, NewState(k)}
	w.add(w.state.NextEntry(keys.DeviceID{}, KindDevice, 1), w.recovery, DeviceBody{Key: d.Signature.Public().(ed25519.PublicKey), Name: "first"})
	return w
}

// apply seals an entry and applies it.
func (w *writer) apply(e Entry, key ed25519.PrivateKey, body any) error {
	object, err := Seal(w.keys, key, e, body)
	if err != nil {
		return err
	}
	o, err := Open(w.keys, e.Seq, object)
	if err != nil {
		return err
	}
	return w.state.Apply(o)
}

func (w *writer) add(e Entry, key ed25519.PrivateKey, body any) {
	w.t.Helper()
	if err := w.apply(e, key, body); err != nil {
		w.t.Fatal(err)
	}
}

// next returns the next entry of the device.
func (w *writer) next(kind Kind) Entry { return w.state.NextEntry(w.device.ID(), kind, 5) }

func snapshot() SnapshotBody { return SnapshotBody{Paths: [][]byte{[]byte("/x")}, Host: "h"} }

func TestRefusedEntries(t *testing.T) {
	w := newWriter(t)
	w.add(w.next(KindSnapshot), w.device.Signature, snapshot())
	stranger := must(keys.NewDevice())
	from := func(change func(*Entry)) Entry {
		e := w.next(KindSnapshot)
		change(&e)
		return e
	}
	for name, c := range map[string]struct {
		entry Entry
		key   ed25519.PrivateKey
		body  any
	}{
		"a number too high":                 {from(func(e *Entry) { e.Seq++ }), w.device.Signature, snapshot()},
		"another hash before":               {from(func(e *Entry) { e.Previous[0] ^= 1 }), w.device.Signature, snapshot()},
		"a device that is not there":        {from(func(e *Entry) { e.Device = stranger.ID() }), stranger.Signature, snapshot()},
		"another's signature":               {w.next(KindSnapshot), stranger.Signature, snapshot()},
		"the recovery key's snapshot":       {from(func(e *Entry) { e.Device = keys.DeviceID{} }), w.recovery, snapshot()},
		"an unknown kind":                   {from(func(e *Entry) { e.Kind = 99 }), w.device.Signature, snapshot()},
		"another kind's body":               {from(func(e *Entry) { e.Kind = KindSweep }), w.device.Signature, snapshot()},
		"a short root":                      {w.next(KindSnapshot), w.device.Signature, SnapshotBody{Root: []byte{1}, Paths: [][]byte{}}},
		"a parent to come":                  {w.next(KindSnapshot), w.device.Signature, SnapshotBody{Paths: [][]byte{}, Parent: 100}},
		"forgetting nothing":                {w.next(KindForget), w.device.Signature, ForgetBody{}},
		"forgetting what is no snapshot":    {w.next(KindForget), w.device.Signature, ForgetBody{Snapshots: []uint64{0}}},
		"forgetting out of order":           {w.next(KindForget), w.device.Signature, ForgetBody{Snapshots: []uint64{1, 1}}},
		"undoing what forgets nothing":      {w.next(KindUndo), w.device.Signature, UndoBody{Forgets: []uint64{1}}},
		"a device that is there":            {w.next(KindDevice), w.device.Signature, DeviceBody{Key: w.device.Signature.Public().(ed25519.PublicKey)}},
		"a device with a short key":         {w.next(KindDevice), w.device.Signature, DeviceBody{Key: []byte{1}}},
		"a sweep of more packs than may be": {w.next(KindSweep), w.device.Signature, PacksBody{Packs: make([]pack.Name, MaxPacks+1)}},
	} {
		before, head := w.state.Next, w.state.Head
		if err := w.apply(c.entry, c.key, c.body); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
		if w.state.Next != before || w.state.Head != head {
			t.Fatalf("%s changed the state", name)
		}
	}
	w.add(w.next(KindSnapshot), w.device.Signature, snapshot()) // the log goes on
}

func TestStateFollowsTheLog(t *testing.T) {
	w := newWriter(t)
	a, b, c := pack.Name{1}, pack.Name{2}, pack.Name{3}
	body := snapshot()
	body.Index = []pack.Name{a}
	w.add(w.next(KindSnapshot), w.device.Signature, body)                                // 1
	w.add(w.next(KindSnapshot), w.device.Signature, snapshot())                          // 2
	w.add(w.next(KindForget), w.device.Signature, ForgetBody{Snapshots: []uint64{1}})    // 3
	w.add(w.next(KindForget), w.device.Signature, ForgetBody{Snapshots: []uint64{1, 2}}) // 4
	if len(w.state.Live()) != 0 || w.state.Snapshots[1].Forgotten != 4 || w.state.Snapshots[2].Forgotten != 5 {
		t.Errorf("%+v", w.state.Snapshots)
	}
	w.add(w.next(KindUndo), w.device.Signature, UndoBody{Forgets: []uint64{4}}) // 5
	if live := w.state.Live(); len(live) != 1 || live[0].Seq != 2 || w.state.Snapshots[1].Forgotten != 4 {
		t.Errorf("%+v", w.state.Snapshots)
	}
	w.add(w.next(KindMark), w.device.Signature, PacksBody{Packs: []pack.Name{a, b}})
	w.add(w.next(KindSweep), w.device.Signature, PacksBody{Packs: []pack.Name{a}})
	w.add(w.next(KindRepack), w.device.Signature, RepackBody{Index: []pack.Name{a, c}})
	if len(w.state.Marks) != 1 || len(w.state.Swept) != 1 || len(w.state.Index) != 1 || w.state.Index[0] != c {
		t.Errorf("marks %v, swept %v, index %v", w.state.Marks, w.state.Swept, w.state.Index)
	}
}

func TestEntriesHaveTwoSizes(t *testing.T) {
	w := newWriter(t)
	for _, c := range []struct{ packs, want int }{{0, SmallObject}, {50, SmallObject}, {200, LargeObject}, {MaxPacks, LargeObject}} {
		object, err := Seal(w.keys, w.device.Signature, w.next(KindMark), PacksBody{Packs: make([]pack.Name, c.packs)})
		if err != nil || len(object) != c.want {
			t.Errorf("%d packs: %d bytes, %v", c.packs, len(object), err)
		}
	}
	if _, err := Seal(w.keys, w.device.Signature, w.next(KindMark), PacksBody{Packs: make([]pack.Name, 2000)}); !errors.Is(err, ErrFormat) {
		t.Errorf("too many packs: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	entry := must(dcbor.Marshal(Entry{Kind: KindMark, Body: []byte{0xa1, 1, 0x80}}))
	plain := must(dcbor.Marshal(signed{Entry: entry, Signature: make([]byte, 64)}))
	f.Add(append(binary.BigEndian.AppendUint32(nil, uint32(len(plain))), plain...))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := parse(b)
		if err != nil {
			return
		}
		again := must(dcbor.Marshal(signed{Entry: must(dcbor.Marshal(o.Entry)), Signature: o.signature}))
		if !bytes.HasPrefix(b[lengthSize:], again) {
			t.Errorf("%x is encoded as %x", b, again)
		}
	})
}
