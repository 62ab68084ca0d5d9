// SPDX-License-Identifier: AGPL-3.0-or-later

package index

import (
	"encoding/binary"

	"github.com/securecrypt/securecrypt/vault/pack"
)

// Place is where a chunk lies: the number of the pack in this process, the frame
// in the pack and the place in the frame.
type Place struct {
	Pack  uint32
	Frame uint16
	Chunk uint16
}

// slot is one place of the table. All zeros is a free one: packs are numbered
// from 1 on.
type slot struct {
	id    [12]byte // the beginning of the identifier
	pack  uint32
	frame uint16
	chunk uint16
}

// Table maps the first 12 bytes of identifiers to places, by open addressing with
// linear probing. Identifiers are uniform, so that their first bytes are the hash.
// The zero value is empty. It is not safe for concurrent use.
type Table struct {
	slots []slot
	count int
}

const smallest = 1024

func key(id pack.ShortID) [12]byte { return [12]byte(id[:12]) }

// find returns the slot of a key, or the free one where it belongs.
func (t *Table) find(k [12]byte) *slot {
	n := uint64(len(t.slots))
	h := binary.BigEndian.Uint64(k[:8])
	i := (h >> 32) * n >> 32
	for {
		s := &t.slots[i]
		if s.pack == 0 || s.id == k {
			return s
		}
		if i++; i == n {
			i = 0
		}
	}
}

// Get returns the place of a chunk.
func (t *Table) Get(id pack.ShortID) (Place, bool) {
	if len(t.slots) == 0 {
		return Place{}, false
	}
	s := t.find(key(id))
	return Place{s.pack, s.frame, s.chunk}, s.pack != 0
}

// Set sets the place of a chunk, whose pack's number is not 0.
func (t *Table) Set(id pack.ShortID, p Place) { t.SetKey(key(id), p) }

// SetKey is Set with the first bytes of an identifier.
func (t *Table) SetKey(k [12]byte, p Place) {
	if t.count >= len(t.slots)/10*9 {
		t.grow()
	}
	s := t.find(k)
	if s.pack == 0 {
		t.count++
	}
	*s = slot{k, p.Pack, p.Frame, p.Chunk}
}

// Len returns the number of chunks.
func (t *Table) Len() int { return t.count }

// Reserve makes room for n chunks in all, and for some more. Without it, the table
// grows while it is filled, and for a moment takes more than twice its memory.
func (t *Table) Reserve(n int) {
	if want := n*6/5 + smallest; want > len(t.slots) {
		t.rehash(want)
	}
}

func (t *Table) grow() { t.rehash(max(smallest, len(t.slots)*3/2)) }

func (t *Table) rehash(n int) {
	old := t.slots
	t.slots = make([]slot, n)
	for i := range old {
		if old[i].pack != 0 {
			*t.find(old[i].id) = old[i]
		}
	}
}

// Reset empties the table and keeps its memory.
func (t *Table) Reset() {
	clear(t.slots)
	t.count = 0
}
