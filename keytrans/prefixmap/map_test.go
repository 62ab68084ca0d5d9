// SPDX-License-Identifier: Apache-2.0

package prefixmap

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/internal/mpt"
	"pgregory.net/rapid"
)

// drawLabel draws labels of which many share buckets, pages and long prefixes.
func drawLabel(t *rapid.T) (l keytrans.Label) {
	for i := range 3 {
		l[i] = rapid.SampledFrom([]byte{0, 1, 0x7f, 0x80, 0xff}).Draw(t, "byte")
	}
	l[31] = rapid.SampledFrom([]byte{0, 1, 2, 0xff}).Draw(t, "last")
	return l
}

// naive hashes all items of a map as one tree.
func naive(items map[keytrans.Label]keytrans.Hash) keytrans.Hash {
	leaves := make([]mpt.Item, 0, len(items))
	for _, l := range slices.SortedFunc(maps.Keys(items), func(a, b keytrans.Label) int { return bytes.Compare(a[:], b[:]) }) {
		value := items[l]
		leaves = append(leaves, mpt.Item{Key: l[:], Value: value[:]})
	}
	return mpt.Root(leaves)
}

// TestMapIsThatOfAllItems compares a map that grows by random changes with the tree of
// all its items, after each change and after a restart, and lets each map prove
// what it has and has not, also while later maps exist.
func TestMapIsThatOfAllItems(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		model, store, m := make(map[keytrans.Label]keytrans.Hash), new(Memory), New()
		for range rapid.IntRange(1, 5).Draw(t, "batches") {
			var changes []Item
			for range rapid.IntRange(0, 6).Draw(t, "changes") {
				item := Item{drawLabel(t), keytrans.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "value"))}
				if !slices.ContainsFunc(changes, func(c Item) bool { return c.Label == item.Label }) {
					changes = append(changes, item)
				}
			}
			before, old := m.Root(), m
			next, err := m.With(store, changes)
			if err != nil {
				t.Fatal(err)
			}
			probe := drawLabel(t)
			checkProof(t, old, store, model, probe)
			if old.Root() != before {
				t.Fatal("a map changed")
			}
			store.Set(changes...)
			for _, c := range changes {
				model[c.Label] = c.Value
			}
			m = next
			if m.Root() != naive(model) || m.Size() != int64(len(model)) || store.Size() != len(model) {
				t.Fatalf("the map is not that of its %d items", len(model))
			}
			checkProof(t, m, store, model, probe)
		}
		again, err := Open(store)
		if err != nil || again.Root() != m.Root() || again.Size() != m.Size() {
			t.Fatalf("the map is another after a restart: %v", err)
		}
	})
}

func checkProof(t *rapid.T, m *Map, store *Memory, model map[keytrans.Label]keytrans.Hash, l keytrans.Label) {
	p, err := m.Prove(store, l)
	if err != nil {
		t.Fatal(err)
	}
	want, there := model[l]
	if got, ok := store.Get(l); p.Present != there || p.Value != want || ok != there || got != want {
		t.Fatal("the proof is about another value")
	}
	if there {
		err = mpt.VerifyPresence(mpt.Hash(m.Root()), l[:], want[:], p.Path)
	} else {
		err = mpt.VerifyAbsence(mpt.Hash(m.Root()), l[:], p.Path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

type badItems struct{ items []Item }

func (b badItems) AppendBucket(dst []Item, bucket uint16) ([]Item, error) {
	if bucket != 0 {
		return dst, nil
	}
	return append(dst, b.items...), nil
}

type failingItems struct{}

var errDisk = errors.New("the disk fails")

func (failingItems) AppendBucket([]Item, uint16) ([]Item, error) { return nil, errDisk }

func TestStoresAreChecked(t *testing.T) {
	label := func(b ...byte) (l keytrans.Label) { copy(l[:], b); return l }
	bad := map[string][]Item{
		"twice":                 {{Label: label(0, 0, 1)}, {Label: label(0, 0, 1)}},
		"not sorted":            {{Label: label(0, 0, 2)}, {Label: label(0, 0, 1)}},
		"of another bucket":     {{Label: label(1)}},
		"one of another bucket": {{Label: label(0, 0, 2)}, {Label: label(0, 1)}},
	}
	for name, items := range bad {
		t.Run(name, func(t *testing.T) {
			if _, err := Open(badItems{items}); !errors.Is(err, ErrOrder) {
				t.Errorf("Open: %v", err)
			}
			if _, err := New().With(badItems{items}, []Item{{Label: label(0, 0, 9)}}); !errors.Is(err, ErrOrder) {
				t.Errorf("With: %v", err)
			}
		})
	}
	if _, err := New().With(new(Memory), []Item{{Label: label(1)}, {Label: label(1)}}); !errors.Is(err, ErrOrder) {
		t.Errorf("a label that changes twice: %v", err)
	}
	if _, err := Open(failingItems{}); !errors.Is(err, errDisk) {
		t.Errorf("Open: %v", err)
	}
	m, err := New().With(new(Memory), []Item{{Label: label(1)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Prove(failingItems{}, label(1)); !errors.Is(err, errDisk) {
		t.Errorf("Prove: %v", err)
	}
	if _, err := m.Prove(new(Memory), label(1)); !errors.Is(err, ErrOrder) {
		t.Errorf("a store that lost a bucket: %v", err)
	}
}
