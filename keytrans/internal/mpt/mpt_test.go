// SPDX-License-Identifier: Apache-2.0

package mpt

import (
	"bytes"
	"slices"
	"testing"

	"github.com/securecrypt/securecrypt/keytrans/internal/rule"
	"pgregory.net/rapid"
)

// drawItems draws distinct items in order, whose keys often share prefixes.
func drawItems(t *rapid.T) []Item {
	keys := rapid.SliceOfNDistinct(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0x80, 0xff}), 0, 4), 1, 24, func(k []byte) string { return string(k) }).Draw(t, "keys")
	items := make([]Item, len(keys))
	for i, k := range keys {
		items[i] = Item{k, rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "value")}
	}
	slices.SortFunc(items, func(a, b Item) int { return Compare(a.Key, b.Key) })
	return items
}

// trieRoot hashes a tree by its definition: a trie of one bit per level whose
// nodes with one child are left out.
func trieRoot(items []Item, depth int) Hash {
	if len(items) == 1 {
		return LeafHash(items[0].Key, items[0].Value)
	}
	var zeros, ones []Item
	for _, item := range items {
		if Bit(item.Key, depth) == 0 {
			zeros = append(zeros, item)
		} else {
			ones = append(ones, item)
		}
	}
	if len(zeros) == 0 || len(ones) == 0 {
		return trieRoot(items, depth+1)
	}
	left, right := trieRoot(zeros, depth+1), trieRoot(ones, depth+1)
	return InnerHash(depth, &left, &right)
}

func TestRootIsThatOfTheTrie(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := drawItems(t)
		if Root(items) != trieRoot(items, 0) {
			t.Fatal("the hashes differ")
		}
	})
}

func TestProofsShowWhatTheTreeHas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := drawItems(t)
		root := Root(items)
		key := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0x80, 0xff}), 0, 4).Draw(t, "key")
		reached, steps := Path(items, key)
		present := slices.ContainsFunc(items, func(i Item) bool { return bytes.Equal(i.Key, key) })
		if bytes.Equal(reached.Key, key) != present {
			t.Fatal("the lookup reaches another item")
		}
		there, absent := AppendSteps(nil, steps), AppendAbsence(nil, reached, steps)
		if err := VerifyPresence(root, key, reached.Value, there); (err == nil) != present {
			t.Fatalf("presence: %v", err)
		}
		if err := VerifyAbsence(root, key, absent); (err == nil) == present {
			t.Fatalf("absence: %v", err)
		}
		if len(there) == 0 || !present {
			return
		}
		there[rapid.IntRange(0, len(there)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if VerifyPresence(root, key, reached.Value, there) == nil {
			t.Fatal("a damaged proof is accepted")
		}
	})
}

func TestVarintsAreOfTheShortestForm(t *testing.T) {
	items := []Item{{[]byte{0}, nil}, {[]byte{0x80}, nil}}
	_, steps := Path(items, []byte{0})
	proof := AppendSteps(nil, steps)
	if err := VerifyPresence(Root(items), []byte{0}, nil, proof); err != nil {
		t.Fatal(err)
	}
	long := append([]byte{0x80, 0}, proof[1:]...)
	if err := VerifyPresence(Root(items), []byte{0}, nil, long); rule.ID(err) != "K4-step" {
		t.Errorf("a varint that is too long: %v", err)
	}
}

func FuzzProofs(f *testing.F) {
	items := []Item{{[]byte{0}, []byte{1}}, {[]byte{0x80}, []byte{2}}, {[]byte{0xc0}, nil}}
	root := Root(items)
	reached, steps := Path(items, []byte{0x81})
	f.Add([]byte{0x81}, AppendAbsence(nil, reached, steps))
	f.Add([]byte{0x80}, AppendSteps(nil, steps))
	f.Fuzz(func(t *testing.T, key, proof []byte) {
		if VerifyPresence(root, key, []byte{9}, proof) == nil {
			t.Error("a value that the tree does not have is accepted")
		}
		absent := VerifyAbsence(root, key, proof) == nil
		if absent && slices.ContainsFunc(items, func(i Item) bool { return bytes.Equal(i.Key, key) }) {
			t.Error("a key of the tree is shown to be absent")
		}
		_ = VerifyPrefix(root, key, root, proof)
		_ = VerifyPrefix(root, key, Empty, proof)
	})
}
