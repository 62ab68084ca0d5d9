// SPDX-License-Identifier: AGPL-3.0-or-later

package pack

import (
	"bytes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"

	"github.com/zeebo/blake3"

	"github.com/securecrypt/securecrypt/vault/keys"
)

// Sessions opens the sealed secret of a run.
type Sessions func(epoch uint32, sealed [keys.SealedSize]byte) (*keys.Session, error)

// An Opener decrypts the segments of one pack.
type Opener struct {
	Class Class
	aead  cipher.AEAD
	id    keys.VaultID
	head  []byte
}

// NewOpener returns the Opener of a pack with a head.
func NewOpener(class Class, head *Head, sessions Sessions) (*Opener, error) {
	s, err := sessions(head.Epoch, head.Sealed)
	if err != nil {
		return nil, err
	}
	aead, err := s.PackAEAD(head.Salt)
	if err != nil {
		return nil, err
	}
	return &Opener{class, aead, s.VaultID(), head.encode()}, nil
}

// open decrypts a data segment and returns its payload, or false if the segment
// is damaged. The segment stays as it is.
func (o *Opener) open(i int, segment []byte) ([]byte, bool) {
	sealed := segment
	if o.Class.hasHead(i) {
		if !bytes.Equal(segment[:headSize], o.head) {
			return nil, false
		}
		sealed = segment[headSize:]
	}
	plain, err := o.aead.Open(make([]byte, 0, len(sealed)), nonce(i), sealed, additional(o.id, o.Class, i, o.head))
	return plain, err == nil
}

// Span returns which data segments hold a frame: the first, and how many.
func (o *Opener) Span(f *FrameInfo) (first, count int) { return o.span(int(f.Offset), int(f.Stored)) }

func (o *Opener) span(position, length int) (first, count int) {
	first, _ = o.Class.locate(position)
	last, _ := o.Class.locate(position + length - 1)
	return first, last - first + 1
}

// Frame decrypts the stored bytes of a frame from the segments that Span names.
// It returns ErrDamaged if one of them is damaged: then the whole pack is needed.
func (o *Opener) Frame(f *FrameInfo, segments []byte) ([]byte, error) {
	return o.stream(int(f.Offset), int(f.Stored), segments)
}

func (o *Opener) stream(position, length int, segments []byte) ([]byte, error) {
	first, count := o.span(position, length)
	if len(segments) != count*SegmentSize {
		return nil, ErrFormat
	}
	out := make([]byte, 0, length)
	_, offset := o.Class.locate(position)
	for i := range count {
		plain, ok := o.open(first+i, segments[i*SegmentSize:(i+1)*SegmentSize])
		if !ok {
			return nil, ErrDamaged
		}
		plain = plain[offset:]
		out, offset = append(out, plain[:min(len(plain), length-len(out))]...), 0
	}
	return out, nil
}

// TailSegments is how many data segments at the end of a pack hold its trailer,
// and mostly its table.
const TailSegments = 1

// ParseTail reads the head and the table of a pack from its last data segments.
// If the table begins before them, it returns how many segments it needs.
func ParseTail(class Class, tail []byte, sessions Sessions) (h *Head, t Table, need int, err error) {
	count := len(tail) / SegmentSize
	if count == 0 || count > class.Data || len(tail)%SegmentSize != 0 {
		return nil, nil, 0, ErrFormat
	}
	head, ok := parseHead(tail[(count-1)*SegmentSize:])
	if !ok {
		return nil, nil, 0, ErrDamaged
	}
	o, err := NewOpener(class, &head, sessions)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	last, ok := o.open(class.Data-1, tail[(count-1)*SegmentSize:])
	if !ok {
		return nil, nil, 0, ErrDamaged
	}
	n := int64(binary.BigEndian.Uint32(last[len(last)-trailerSize:]))
	position := int64(class.capacity()-trailerSize) - n
	if n < tableHeadSize || position < 0 {
		return nil, nil, 0, ErrFormat
	}
	first, _ := o.Class.locate(int(position))
	if need = class.Data - first; need > count {
		return &head, nil, need, nil
	}
	span, spanned := o.span(int(position), int(n))
	skip := (span - (class.Data - count)) * SegmentSize
	b, err := o.stream(int(position), int(n), tail[skip:skip+spanned*SegmentSize])
	if err != nil {
		return nil, nil, 0, err
	}
	t, err = ParseTable(b)
	return &head, t, need, err
}

// Pack is a whole pack, decrypted.
type Pack struct {
	Head   Head
	Table  Table
	stream []byte
	// Damaged counts the data segments that were rebuilt from parity, and Bad is
	// whether the pack's bytes differ from what its name says, parity included.
	Damaged int
	Bad     bool
	// Repaired has the whole pack as it was written, if Bad.
	Repaired []byte
}

// Stored returns the stored bytes of a frame.
func (p *Pack) Stored(f *FrameInfo) []byte { return p.stream[f.Offset : f.Offset+f.Stored] }

// Open decrypts a whole pack. Damage is repaired from parity and reported in the
// Pack; if there is too much, the error is ErrDamaged. known may have the head of
// the pack from an index, for a pack whose heads are damaged.
func Open(name Name, data []byte, known *Head, sessions Sessions) (*Pack, error) {
	class, err := ClassOf(int64(len(data)))
	if err != nil {
		return nil, err
	}
	intact := Name(blake3.Sum256(data)) == name
	o, plains, bad := openAll(class, data, known, sessions)
	if o == nil {
		return nil, fmt.Errorf("%w: no segment opens", ErrDamaged)
	}
	p := &Pack{Damaged: bad, Bad: !intact}
	if !intact {
		if p.Repaired, err = repair(name, o, data, plains); err != nil {
			return nil, err
		}
	} else if bad > 0 {
		return nil, fmt.Errorf("%w: it was written with a segment that does not open", ErrFormat)
	}
	for _, plain := range plains {
		p.stream = append(p.stream, plain...)
	}
	p.Head, _ = parseHead(o.head)
	n := int64(binary.BigEndian.Uint32(p.stream[len(p.stream)-trailerSize:]))
	end := int64(len(p.stream) - trailerSize)
	if n < tableHeadSize || n > end {
		return nil, ErrFormat
	}
	if p.Table, err = ParseTable(p.stream[end-n : end]); err != nil {
		return nil, err
	}
	return p, nil
}

// openAll opens the data segments with the head under which most of them open.
// plains has nil for each that does not, and bad is their number.
func openAll(class Class, data []byte, known *Head, sessions Sessions) (best *Opener, plains [][]byte, bad int) {
	var heads []Head
	for _, i := range []int{0, class.Data - 1} {
		if h, ok := parseHead(data[i*SegmentSize:]); ok {
			heads = append(heads, h)
		}
	}
	if known != nil {
		heads = append(heads, *known)
	}
	bad = class.Data
	for i := range heads {
		o, err := NewOpener(class, &heads[i], sessions)
		if err != nil {
			continue
		}
		opened, failed := make([][]byte, class.Data), 0
		for j := range opened {
			var ok bool
			if opened[j], ok = o.open(j, data[j*SegmentSize:(j+1)*SegmentSize]); !ok {
				opened[j] = nil
				failed++
			}
		}
		if failed < bad {
			best, plains, bad = o, opened, failed
		}
		if bad == 0 {
			break
		}
	}
	return best, plains, bad
}
