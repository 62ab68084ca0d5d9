// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"crypto/hmac"
	"encoding/binary"
	"hash"
)

// Expander derives several secrets of one, each by ExpandWithLabel, which costs less
// than to begin anew for each.
type Expander struct {
	mac   hash.Hash
	used  bool
	info  [maxInfo]byte
	block [64]byte
}

const (
	short   = 1 << 6                  // lengths below it are encoded in one byte
	maxInfo = 2 + short + 2*short + 4 // length, label, context, counter
)

// Expander takes up a secret, which it does not keep.
func (s *Suite) Expander(secret Secret) *Expander { return &Expander{mac: hmac.New(s.hash, secret)} }

// Expand writes ExpandWithLabel(label, context) to out, which is no longer than a hash.
// Label and context must be short.
func (e *Expander) Expand(out Secret, label string, context []byte) Secret {
	// HKDF-Expand of RFC 5869 is one HMAC where a single block is asked for.
	if len(out) > e.mac.Size() || len(prefix)+len(label) >= short || len(context) >= 2*short {
		panic("mls: expand: too long")
	}
	b := binary.BigEndian.AppendUint16(e.info[:0], uint16(len(out)))
	b = append(b, byte(len(prefix)+len(label)))
	b = append(append(b, prefix...), label...)
	if len(context) >= short {
		b = binary.BigEndian.AppendUint16(b, uint16(len(context))|1<<14)
	} else {
		b = append(b, byte(len(context)))
	}
	b = append(append(b, context...), 1)
	if e.used {
		e.mac.Reset()
	}
	e.used = true
	e.mac.Write(b)
	copy(out, e.mac.Sum(e.block[:0]))
	clear(e.block[:])
	return out
}

// Tree writes DeriveTreeSecret(label, generation) to out (RFC 9420, Section 9.1).
func (e *Expander) Tree(out Secret, label string, generation uint32) Secret {
	var context [4]byte
	binary.BigEndian.PutUint32(context[:], generation)
	return e.Expand(out, label, context[:])
}
