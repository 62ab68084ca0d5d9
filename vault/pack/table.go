// SPDX-License-Identifier: AGPL-3.0-or-later

package pack

import (
	"encoding/binary"

	"github.com/securecrypt/securecrypt/vault/keys"
)

// ShortID is the beginning of a chunk's identifier, as tables hold it.
type ShortID [16]byte

// ID identifies a chunk: the keyed BLAKE3 of its bytes.
type ID [32]byte

// Short returns the beginning of the identifier.
func (id ID) Short() ShortID { return ShortID(id[:16]) }

// Codec says how a frame is compressed.
type Codec uint8

// The codecs.
const (
	CodecRaw  Codec = 0
	CodecZstd Codec = 1
)

// Chunk is a piece of a frame.
type Chunk struct {
	ID     ShortID
	Length uint32 // in bytes, 1 to MaxFrame
}

// FrameInfo describes a frame: a run of chunks of one domain and kind.
type FrameInfo struct {
	Kind   keys.Kind
	Domain keys.Domain
	Codec  Codec
	Offset uint32 // in the stream; not stored, but the sum of the sizes before
	Stored uint32 // size in the stream, in bytes
	Raw    uint32 // size uncompressed, in bytes
	Chunks []Chunk
}

// Table describes the frames of a pack.
type Table []FrameInfo

// Limits of tables.
const (
	// MaxTable is the size in bytes of the largest table, so that an index page
	// has room for one.
	MaxTable = 512 << 10
	// MaxChunks bounds the chunks of a frame.
	MaxChunks = 8192
)

const (
	frameEntrySize = 16
	chunkEntrySize = 20
	tableHeadSize  = 4
)

// AppendTable appends the encoding of a table: the number of frames; for each
// frame kind, domain, codec, a zero, stored size, uncompressed size and number of
// chunks; then for each chunk the beginning of its identifier and its length.
// Numbers are big-endian, of 32 bits unless they are single bytes.
func AppendTable(b []byte, t Table) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(t)))
	for i := range t {
		f := &t[i]
		b = append(b, byte(f.Kind), byte(f.Domain), byte(f.Codec), 0)
		b = binary.BigEndian.AppendUint32(b, f.Stored)
		b = binary.BigEndian.AppendUint32(b, f.Raw)
		b = binary.BigEndian.AppendUint32(b, uint32(len(f.Chunks)))
	}
	for i := range t {
		for _, c := range t[i].Chunks {
			b = append(b, c.ID[:]...)
			b = binary.BigEndian.AppendUint32(b, c.Length)
		}
	}
	return b
}

// ParseTable decodes a table, which must take all of b. The frames must fit in a
// pack together with the table.
func ParseTable(b []byte) (Table, error) {
	if len(b) < tableHeadSize || len(b) > MaxTable {
		return nil, ErrFormat
	}
	n := binary.BigEndian.Uint32(b)
	b = b[tableHeadSize:]
	if uint64(n)*frameEntrySize > uint64(len(b)) {
		return nil, ErrFormat
	}
	t := make(Table, n)
	heads, chunks := b[:n*frameEntrySize], b[n*frameEntrySize:]
	offset, total := uint64(0), uint64(len(b)+tableHeadSize)
	for i := range t {
		h := heads[i*frameEntrySize:]
		f := FrameInfo{Kind: keys.Kind(h[0]), Domain: keys.Domain(h[1]), Codec: Codec(h[2]), Offset: uint32(offset),
			Stored: binary.BigEndian.Uint32(h[4:]), Raw: binary.BigEndian.Uint32(h[8:])}
		count := binary.BigEndian.Uint32(h[12:])
		if h[3] != 0 || !f.valid() || count == 0 || count > MaxChunks || uint64(count)*chunkEntrySize > uint64(len(chunks)) {
			return nil, ErrFormat
		}
		if offset += uint64(f.Stored); offset+total > uint64(Capacity) {
			return nil, ErrFormat
		}
		f.Chunks = make([]Chunk, count)
		sum := uint64(0)
		for j := range f.Chunks {
			copy(f.Chunks[j].ID[:], chunks)
			f.Chunks[j].Length = binary.BigEndian.Uint32(chunks[16:])
			if f.Chunks[j].Length == 0 {
				return nil, ErrFormat
			}
			sum += uint64(f.Chunks[j].Length)
			chunks = chunks[chunkEntrySize:]
		}
		if sum != uint64(f.Raw) {
			return nil, ErrFormat
		}
		t[i] = f
	}
	if len(chunks) != 0 {
		return nil, ErrFormat
	}
	return t, nil
}

func (f *FrameInfo) valid() bool {
	switch f.Kind {
	case keys.KindData, keys.KindTree, keys.KindIndex:
	default:
		return false
	}
	if f.Domain == 0 || f.Raw == 0 || f.Raw > MaxFrame || f.Stored == 0 {
		return false
	}
	switch f.Codec {
	case CodecRaw:
		return f.Stored == f.Raw
	case CodecZstd:
		return f.Stored < f.Raw
	}
	return false
}
