// SPDX-License-Identifier: Apache-2.0

package prefixmap

import (
	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/internal/mpt"
)

// A Proof shows what a map has for a label.
type Proof struct {
	// Present is whether the map has the label, and Value the hash that it has.
	Present bool
	Value   keytrans.Hash
	// Path is the Path of a keytrans.UnverifiedProof.
	Path []byte
}

// Prove returns the proof for a label. Items are those of m.
func (m *Map) Prove(items Items, label keytrans.Label) (Proof, error) {
	if m.size == 0 {
		return Proof{}, nil
	}
	number, above := m.descend(label)
	bucket, err := readBucket(items, nil, number)
	if err != nil {
		return Proof{}, err
	}
	if len(bucket) == 0 {
		return Proof{}, ErrOrder
	}
	reached, steps := mpt.Path(toLeaves(nil, bucket), label[:])
	steps = append(steps, above...)
	if item, ok := find(bucket, label); ok {
		return Proof{true, item.Value, mpt.AppendSteps(nil, steps)}, nil
	}
	return Proof{Path: mpt.AppendAbsence(nil, reached, steps)}, nil
}

// descend returns the bucket that a lookup of a label reaches, which is not empty, and the
// steps from there to the root.
func (m *Map) descend(label keytrans.Label) (number uint16, steps []mpt.Step) {
	high, upper := m.top.descend(label, 0)
	low, lower := m.bottom[high].descend(label, pageBits)
	return uint16(high<<pageBits | low), append(lower, upper...)
}

// descend follows the bits of a label from first on through a page that is not
// empty. Where one half of a subtree is empty there is no node, and the lookup goes
// on in the other half. The steps are those of the way back.
func (p *page) descend(label keytrans.Label, first int) (leaf int, steps []mpt.Step) {
	i := 1
	for depth := range pageBits {
		side := int(mpt.Bit(label[:], first+depth))
		next, sibling := 2*i+side, 2*i+1-side
		switch empty := (mpt.Hash{}); {
		case p[next] == empty:
			next = sibling
		case p[sibling] != empty:
			steps = append([]mpt.Step{{Bit: first + depth, Sibling: p[sibling]}}, steps...)
		}
		i = next
	}
	return i - pageLeaves, steps
}
