// SPDX-License-Identifier: AGPL-3.0-or-later

package pack

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/klauspost/reedsolomon"
	"github.com/zeebo/blake3"

	"github.com/securecrypt/securecrypt/vault/keys"
)

// A Builder collects frames until they fill a pack. It belongs to one goroutine.
type Builder struct {
	frames []Frame
	size   int // of frames and table
	table  int // of the table alone
}

// Fits reports whether there is room for a frame.
func (b *Builder) Fits(f *Frame) bool {
	return b.used()+grown(f) <= Capacity && tableHeadSize+b.table+grown(f)-len(f.Data) <= MaxTable
}

func (b *Builder) used() int {
	if b.size == 0 {
		return tableHeadSize
	}
	return b.size
}

func grown(f *Frame) int { return len(f.Data) + frameEntrySize + chunkEntrySize*len(f.Chunks) }

// Add adds a frame, for which there must be room.
func (b *Builder) Add(f Frame) {
	b.size = b.used() + grown(&f)
	b.table += grown(&f) - len(f.Data)
	b.frames = append(b.frames, f)
}

// Frames returns the frames that were added.
func (b *Builder) Frames() []Frame { return b.frames }

// Empty reports whether there is no frame.
func (b *Builder) Empty() bool { return len(b.frames) == 0 }

// Sealed is a pack that is ready for a storage.
type Sealed struct {
	Name  Name
	Head  Head
	Table Table
	Data  []byte
}

// Seal makes the pack, in the smallest class that has room.
func (b *Builder) Seal(s *keys.Session) (*Sealed, error) {
	class, ok := classFor(b.used() + trailerSize)
	if !ok || b.Empty() {
		return nil, fmt.Errorf("pack: sealing %d frames of %d bytes", len(b.frames), b.size)
	}
	out := &Sealed{Head: Head{Epoch: s.Epoch, Sealed: s.Sealed}, Data: make([]byte, class.Size())}
	_, _ = rand.Read(out.Head.Salt[:]) // it never fails
	offset := 0
	for i := range b.frames {
		b.frames[i].Offset = uint32(offset)
		offset += len(b.frames[i].Data)
		out.Table = append(out.Table, b.frames[i].FrameInfo)
	}
	table := AppendTable(nil, out.Table)
	table = binary.BigEndian.AppendUint32(table, uint32(len(table)))
	for i := range b.frames {
		write(class, out.Data, int(b.frames[i].Offset), b.frames[i].Data)
	}
	write(class, out.Data, class.capacity()-len(table), table)
	if err := seal(class, out, s); err != nil {
		return nil, err
	}
	out.Name = Name(blake3.Sum256(out.Data))
	return out, nil
}

// write copies bytes of the stream to where the segments have them.
func write(class Class, data []byte, position int, b []byte) {
	for len(b) > 0 {
		segment, offset := class.locate(position)
		start := segment * SegmentSize
		if class.hasHead(segment) {
			start += headSize
		}
		n := copy(data[start+offset:start+min(class.payload(segment), offset+len(b))], b)
		position, b = position+n, b[n:]
	}
}

// seal encrypts the data segments in place and computes the parity.
func seal(class Class, out *Sealed, s *keys.Session) error {
	aead, err := s.PackAEAD(out.Head.Salt)
	if err != nil {
		return err
	}
	head := out.Head.encode()
	shards := make([][]byte, class.Segments)
	for i := range shards {
		shards[i] = out.Data[i*SegmentSize : (i+1)*SegmentSize : (i+1)*SegmentSize]
		if i >= class.Data {
			continue
		}
		plain := shards[i][:payloadSize]
		if class.hasHead(i) {
			copy(plain, head)
			plain = plain[headSize:]
		}
		aead.Seal(plain[:0], nonce(i), plain, additional(s.VaultID(), class, i, head))
	}
	code, err := parityCode(class)
	if err != nil {
		return err
	}
	if err := code.Encode(shards); err != nil {
		return fmt.Errorf("pack: parity: %w", err)
	}
	return nil
}

var codes sync.Map // map[Class]reedsolomon.Encoder

// parityCode returns the code of a class: GF(2^8) with the polynomial 29 and the
// matrix of a Vandermonde matrix made systematic, as in klauspost/reedsolomon.
func parityCode(class Class) (reedsolomon.Encoder, error) {
	if code, ok := codes.Load(class); ok {
		return code.(reedsolomon.Encoder), nil
	}
	code, err := reedsolomon.New(class.Data, class.Parity, reedsolomon.WithMaxGoroutines(1))
	if err != nil {
		return nil, fmt.Errorf("pack: parity: %w", err)
	}
	codes.Store(class, code)
	return code, nil
}
