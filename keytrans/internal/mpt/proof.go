// SPDX-License-Identifier: Apache-2.0

package mpt

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/securecrypt/securecrypt/keytrans/internal/rule"
)

// ErrPrefix reports a proof about a prefix that is not valid.
var ErrPrefix = errors.New("mpt: the proof of a prefix is not valid")

// AppendSteps appends the encoding of steps, a proof of presence.
func AppendSteps(b []byte, steps []Step) []byte {
	for i := range steps {
		b = binary.AppendUvarint(b, uint64(steps[i].Bit))
		b = append(b, steps[i].Sibling[:]...)
	}
	return b
}

// AppendAbsence appends the proof that a key is absent of which a lookup
// reaches another item.
func AppendAbsence(b []byte, reached Item, steps []Step) []byte {
	b = appendBytes(b, reached.Key)
	b = appendBytes(b, reached.Value)
	return AppendSteps(b, steps)
}

// VerifyPresence returns nil if proof shows that the tree with this root has
// key with value.
func VerifyPresence(root Hash, key, value, proof []byte) error {
	h, err := climb(LeafHash(key, value), key, key, maxBit, proof)
	if err != nil {
		return err
	}
	if h != root {
		return rule.Broken("K4-root", "the proof leads to another map")
	}
	return nil
}

// VerifyAbsence returns nil if proof shows that the tree with this root does
// not have key.
func VerifyAbsence(root Hash, key, proof []byte) error {
	if len(proof) == 0 && root != Empty {
		return rule.Broken("K4-empty", "the map is not empty as the proof says")
	}
	if len(proof) == 0 {
		return nil
	}
	reached, steps, err := cutItem(proof)
	if err != nil {
		return err
	}
	if bytes.Equal(reached.Key, key) {
		return rule.Broken("K4-same", "the leaf that is to show a label absent is the label's own")
	}
	h, err := climb(LeafHash(reached.Key, reached.Value), reached.Key, key, maxBit, steps)
	if err != nil {
		return err
	}
	if h != root {
		return rule.Broken("K4-absence", "the proof of absence leads to another map")
	}
	return nil
}

// VerifyPrefix returns nil if proof shows that all keys with this prefix, in the
// tree with this root, lie in the subtree with the hash subtree. It does not
// show that the subtree has no other keys: a caller that relies on that compares the
// keys.
func VerifyPrefix(root Hash, prefix []byte, subtree Hash, proof []byte) error {
	start, leads, steps, limit := subtree, prefix, proof, 8*len(prefix)
	if subtree == Empty {
		if len(proof) == 0 {
			if root != Empty {
				return ErrPrefix
			}
			return nil
		}
		reached, rest, err := cutItem(proof)
		if err != nil {
			return err
		}
		if HasPrefix(reached.Key, prefix) {
			return ErrPrefix
		}
		start, leads, steps, limit = LeafHash(reached.Key, reached.Value), reached.Key, rest, maxBit
	}
	h, err := climb(start, leads, prefix, limit, steps)
	if err != nil {
		return err
	}
	if h != root {
		return ErrPrefix
	}
	return nil
}

// ProvePrefix returns the hash of the subtree of all keys with a prefix, and the
// proof that VerifyPrefix takes. Items are those of the whole tree.
func ProvePrefix(items []Item, prefix []byte) (Hash, []byte) {
	if len(items) == 0 {
		return Empty, nil
	}
	reached, steps := Path(items, prefix)
	if !HasPrefix(reached.Key, prefix) {
		return Empty, AppendAbsence(nil, reached, steps)
	}
	h := LeafHash(reached.Key, reached.Value)
	for len(steps) > 0 && steps[0].Bit >= 8*len(prefix) {
		h = join(h, reached.Key, steps[0].Bit, &steps[0].Sibling)
		steps = steps[1:]
	}
	return h, AppendSteps(nil, steps)
}

// climb returns the root that steps lead to from the hash h of a subtree whose
// keys agree with from. A lookup of key must take the same way, and the bits
// must begin below limit.
func climb(h Hash, from, key []byte, limit int, steps []byte) (Hash, error) {
	for len(steps) > 0 {
		bit, n := uvarint(steps)
		if n == 0 || bit >= maxBit || len(steps)-n < sha256.Size {
			return Hash{}, rule.Broken("K4-step", "a step of the proof is malformed")
		}
		if int(bit) >= limit {
			return Hash{}, rule.Broken("K4-order", "the bits of the proof do not decrease")
		}
		limit = int(bit)
		if Bit(from, limit) != Bit(key, limit) {
			return Hash{}, rule.Broken("K4-way", "the proof does not lead where the label leads")
		}
		h = join(h, from, limit, (*Hash)(steps[n:n+sha256.Size]))
		steps = steps[n+sha256.Size:]
	}
	return h, nil
}

// join returns the hash of the inner node above h, on the side that key leads to.
func join(h Hash, key []byte, bit int, sibling *Hash) Hash {
	if Bit(key, bit) == 0 {
		return InnerHash(bit, &h, sibling)
	}
	return InnerHash(bit, sibling, &h)
}

func cutItem(b []byte) (Item, []byte, error) {
	key, b, err := cutBytes(b)
	if err != nil {
		return Item{}, nil, err
	}
	value, b, err := cutBytes(b)
	return Item{key, value}, b, err
}

func cutBytes(b []byte) (v, rest []byte, err error) {
	size, n := uvarint(b)
	if n == 0 || size > MaxSize || uint64(len(b)-n) < size {
		return nil, nil, rule.Broken("K4-leaf", "the leaf of a proof is malformed")
	}
	return b[n : n+int(size)], b[n+int(size):], nil
}

// uvarint decodes a varint of the shortest form, and returns 0 as its length for
// anything else.
func uvarint(b []byte) (v uint64, n int) {
	v, n = binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return 0, 0
	}
	return v, n
}
