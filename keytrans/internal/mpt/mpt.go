// SPDX-License-Identifier: Apache-2.0

package mpt

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"slices"
	"sort"
)

// A Hash is the SHA-256 hash of a node.
type Hash = [sha256.Size]byte

// Empty is the hash of the tree without items.
var Empty Hash = sha256.Sum256(nil)

const (
	// MaxSize bounds keys and values in proofs, in bytes.
	MaxSize = 1024
	// maxBit bounds the index of a bit: two keys of MaxSize bytes differ
	// before it.
	maxBit = 8*MaxSize + 1
)

// An Item is a key with its value.
type Item struct{ Key, Value []byte }

// A Step is an inner node on the way from a leaf to the root: the index of its
// bit, and the hash of the child that is not on the way.
type Step struct {
	Bit     int
	Sibling Hash
}

// LeafHash returns the hash of a leaf.
func LeafHash(key, value []byte) Hash {
	b := make([]byte, 0, 128)
	b = append(b, 0)
	b = appendBytes(b, key)
	b = appendBytes(b, value)
	return sha256.Sum256(b)
}

// InnerHash returns the hash of the inner node that tells keys apart by a bit.
func InnerHash(bit int, left, right *Hash) Hash {
	b := make([]byte, 0, 1+binary.MaxVarintLen32+2*sha256.Size)
	b = append(b, 1)
	b = binary.AppendUvarint(b, uint64(bit))
	b = append(b, left[:]...)
	b = append(b, right[:]...)
	return sha256.Sum256(b)
}

// Bit returns the bit of an extended key at index i, 0 or 1.
func Bit(key []byte, i int) byte { return at(key, i/8) >> (7 - i%8) & 1 }

// at returns the byte of an extended key at index i.
func at(key []byte, i int) byte {
	switch {
	case i < len(key):
		return key[i]
	case i == len(key):
		return 0
	default:
		return 0xff
	}
}

// Differ returns the index of the first bit in which two extended keys differ.
// The keys must be distinct.
func Differ(a, b []byte) int {
	for i := 0; i <= max(len(a), len(b)); i++ {
		if x := at(a, i) ^ at(b, i); x != 0 {
			return 8*i + bits.LeadingZeros8(x)
		}
	}
	panic("mpt: the keys are equal")
}

// Compare returns the order of two extended keys: -1, 0 or 1. It is that of
// bytes.Compare if both have one length.
func Compare(a, b []byte) int {
	if bytes.Equal(a, b) {
		return 0
	}
	if Bit(a, Differ(a, b)) == 0 {
		return -1
	}
	return 1
}

// HasPrefix reports whether an extended key begins with prefix.
func HasPrefix(key, prefix []byte) bool {
	for i := range prefix {
		if at(key, i) != prefix[i] {
			return false
		}
	}
	return true
}

// Root returns the hash of the tree of items, which must be distinct and in the
// order of Compare.
func Root(items []Item) Hash {
	switch len(items) {
	case 0:
		return Empty
	case 1:
		return LeafHash(items[0].Key, items[0].Value)
	}
	bit, i := split(items)
	left, right := Root(items[:i]), Root(items[i:])
	return InnerHash(bit, &left, &right)
}

// split returns the bit of the root of two or more items, and the index of the
// first item on its right side.
func split(items []Item) (bit, right int) {
	bit = Differ(items[0].Key, items[len(items)-1].Key)
	return bit, sort.Search(len(items), func(i int) bool { return Bit(items[i].Key, bit) == 1 })
}

// Path returns the item that a lookup of key reaches in the tree of one item or
// more, and the steps from there to the root.
func Path(items []Item, key []byte) (reached Item, steps []Step) {
	for len(items) > 1 {
		bit, i := split(items)
		if Bit(key, bit) == 0 {
			steps = append(steps, Step{bit, Root(items[i:])})
			items = items[:i]
		} else {
			steps = append(steps, Step{bit, Root(items[:i])})
			items = items[i:]
		}
	}
	slices.Reverse(steps)
	return items[0], steps
}

func appendBytes(b, v []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}
