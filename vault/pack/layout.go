// SPDX-License-Identifier: AGPL-3.0-or-later

package pack

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/securecrypt/securecrypt/vault/keys"
)

// Sizes in bytes.
const (
	SegmentSize = 65536
	tagSize     = 16
	saltSize    = 32
	headSize    = 8 + 4 + saltSize + keys.SealedSize
	payloadSize = SegmentSize - tagSize // of a segment without a head
	trailerSize = 4                     // the length of the table
	// MaxFrame is the size of the largest frame, uncompressed.
	MaxFrame = 1 << 20
)

var packMagic = [8]byte{'S', 'C', 'V', 'P', 'A', 'C', 'K', '1'}

var (
	// ErrFormat reports bytes that are not of the format.
	ErrFormat = errors.New("pack: not a valid pack")
	// ErrDamaged reports damage beyond what parity repairs.
	ErrDamaged = errors.New("pack: damaged beyond repair")
)

// Name identifies a pack: the BLAKE3-256 of its bytes.
type Name [32]byte

// String returns the name in 64 hexadecimal digits.
func (n Name) String() string { return hex.EncodeToString(n[:]) }

// Object returns the name of the pack's object in a storage.
func (n Name) Object() string { return "packs/" + n.String() }

// ParseObject is the inverse of Name.Object.
func ParseObject(object string) (Name, error) {
	var n Name
	if len(object) != len("packs/")+2*len(n) || object[:6] != "packs/" {
		return n, fmt.Errorf("%w: the name %q", ErrFormat, object)
	}
	if _, err := hex.Decode(n[:], []byte(object[6:])); err != nil || n.Object() != object {
		return n, fmt.Errorf("%w: the name %q", ErrFormat, object)
	}
	return n, nil
}

// A Class is one of the sizes of packs, in segments.
type Class struct{ Segments, Data, Parity int }

// Classes are the sizes of packs, the smallest first.
var Classes = [7]Class{{4, 3, 1}, {8, 7, 1}, {16, 15, 1}, {32, 31, 1}, {64, 62, 2}, {128, 124, 4}, {256, 248, 8}}

// Size returns the bytes of a pack of the class.
func (c Class) Size() int64 { return int64(c.Segments) * SegmentSize }

// capacity returns the length of the stream of a pack of the class.
func (c Class) capacity() int { return c.Data*payloadSize - 2*headSize }

// Capacity is the most that frames and table of a pack can have together.
var Capacity = Classes[len(Classes)-1].capacity() - trailerSize

// ClassOf returns the class of the packs of size bytes.
func ClassOf(size int64) (Class, error) {
	for _, c := range Classes {
		if c.Size() == size {
			return c, nil
		}
	}
	return Class{}, fmt.Errorf("%w: no pack has %d bytes", ErrFormat, size)
}

// classFor returns the smallest class whose stream has room for n bytes.
func classFor(n int) (Class, bool) {
	for _, c := range Classes {
		if c.capacity() >= n {
			return c, true
		}
	}
	return Class{}, false
}

// hasHead reports whether a data segment begins with the pack's head.
func (c Class) hasHead(segment int) bool { return segment == 0 || segment == c.Data-1 }

// payload returns how many bytes of the stream a data segment holds.
func (c Class) payload(segment int) int {
	if c.hasHead(segment) {
		return payloadSize - headSize
	}
	return payloadSize
}

// locate returns the data segment that holds a position of the stream, and the
// position within its payload.
func (c Class) locate(position int) (segment, offset int) {
	first := payloadSize - headSize
	if position < first {
		return 0, position
	}
	position -= first
	return 1 + position/payloadSize, position % payloadSize
}

// Head is what a pack says in clear: how its key is derived.
type Head struct {
	Epoch  uint32
	Salt   [saltSize]byte
	Sealed [keys.SealedSize]byte // the session's secret
}

func (h *Head) encode() []byte {
	b := append(make([]byte, 0, headSize), packMagic[:]...)
	b = binary.BigEndian.AppendUint32(b, h.Epoch)
	b = append(b, h.Salt[:]...)
	return append(b, h.Sealed[:]...)
}

func parseHead(b []byte) (Head, bool) {
	var h Head
	if len(b) < headSize || [8]byte(b) != packMagic {
		return h, false
	}
	h.Epoch = binary.BigEndian.Uint32(b[8:])
	copy(h.Salt[:], b[12:])
	copy(h.Sealed[:], b[12+saltSize:])
	return h, true
}

// EpochEnd is how many bytes of a pack tell its epoch.
const EpochEnd = 12

// EpochOf returns the epoch of a pack from its first bytes, which are not
// authenticated, and false if they are damaged.
func EpochOf(b []byte) (uint32, bool) {
	if len(b) < EpochEnd || [8]byte(b) != packMagic {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[8:]), true
}

// additional returns the associated data of a segment.
func additional(id keys.VaultID, c Class, segment int, head []byte) []byte {
	b := append(make([]byte, 0, len(id)+8+len(head)), id[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(c.Segments))
	b = binary.BigEndian.AppendUint32(b, uint32(segment))
	if c.hasHead(segment) {
		b = append(b, head...)
	}
	return b
}

// nonce returns the nonce of a segment: its number, big-endian. A key belongs to
// one pack, so that no nonce comes twice.
func nonce(segment int) []byte {
	b := make([]byte, 12)
	binary.BigEndian.PutUint32(b[8:], uint32(segment))
	return b
}
