// SPDX-License-Identifier: AGPL-3.0-or-later

package picture

import (
	"encoding/binary"
	"slices"
)

// tiffTags are the fields that a page needs (TIFF 6.0 and its supplements):
// those about pixels, colours and compression.
var tiffTags = []uint16{
	254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, 288, 289, 290, 291, 292, 293, 296, 297,
	301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 332, 334, 336, 338, 339, 340, 341, 342, 347, 529, 530, 531, 532, 34675,
}

// Tags with a meaning of their own here.
const (
	tiffCompression  = 259
	tiffStripOffsets = 273
	tiffStripCounts  = 279
	tiffTileOffsets  = 324
	tiffTileCounts   = 325
	tiffDNGVersion   = 50706
	oldJPEG          = 6
)

// tiffSizes is the length of a value by its type.
var tiffSizes = [...]int64{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8}

// Bounds on what a file may say.
const (
	tiffMaxPages  = 1000
	tiffMaxFields = 1000
)

// A tiffFile is a TIFF file to be written: the pages of another one, with the fields
// on the list, and the strips or tiles that they lead to.
type tiffFile struct {
	*source
	order byteOrder
	out   []span
	size  int64
	data  int64 // of which so much are strips and tiles
}

type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

type tiffField struct {
	tag, kind uint16
	count     int64
	value     []byte
}

func stripTIFF(s *source) ([]span, error) {
	head, err := s.short(0, 8)
	if err != nil {
		return nil, err
	}
	t := &tiffFile{source: s, order: binary.BigEndian}
	if head[0] == 'I' {
		t.order = binary.LittleEndian
	}
	t.add(literal(append(slices.Clone(head[:4]), 0, 0, 0, 0)...))
	link := t.out[0].bytes[4:8] // where the place of the next page is written
	next := int64(t.order.Uint32(head[4:]))
	for pages := 0; next != 0; pages++ {
		if pages == tiffMaxPages {
			return nil, ErrDamaged
		}
		fields, after, err := t.page(next)
		if err != nil {
			return nil, err
		}
		if link, err = t.write(fields, link); err != nil {
			return nil, err
		}
		next = after
	}
	if len(t.out) == 1 || t.size > 1<<32-1 {
		return nil, ErrDamaged
	}
	return t.out, nil
}

func (t *tiffFile) add(s span) {
	t.out = append(t.out, s)
	t.size += s.n
}

// page reads the fields of a page that are kept, and where the next page is.
func (t *tiffFile) page(at int64) (fields []tiffField, next int64, err error) {
	b, err := t.short(at, 2)
	if err != nil {
		return nil, 0, err
	}
	n := int64(t.order.Uint16(b))
	if n == 0 || n > tiffMaxFields {
		return nil, 0, ErrDamaged
	}
	if b, err = t.short(at+2, 12*n+4); err != nil {
		return nil, 0, err
	}
	for i := range n {
		e := b[12*i:]
		f := tiffField{tag: t.order.Uint16(e), kind: t.order.Uint16(e[2:]), count: int64(t.order.Uint32(e[4:]))}
		if f.tag == tiffDNGVersion {
			return nil, 0, ErrUnknown
		}
		if !slices.Contains(tiffTags, f.tag) {
			continue
		}
		if f.kind == 0 || int(f.kind) >= len(tiffSizes) || f.count > maxHeld {
			return nil, 0, ErrDamaged
		}
		if length := f.count * tiffSizes[f.kind]; length <= 4 {
			f.value = slices.Clone(e[8 : 8+length])
		} else if f.value, err = t.bytes(int64(t.order.Uint32(e[8:])), length); err != nil {
			return nil, 0, err
		}
		if f.tag == tiffCompression && len(t.numbers(f)) == 1 && t.numbers(f)[0] == oldJPEG {
			return nil, 0, ErrUnknown // its tables lie wherever a field says
		}
		fields = append(fields, f)
	}
	return fields, int64(t.order.Uint32(b[12*n:])), nil
}

// numbers are the values of a field of whole numbers.
func (t *tiffFile) numbers(f tiffField) (all []int64) {
	for i := range f.count {
		switch f.kind {
		case 3:
			all = append(all, int64(t.order.Uint16(f.value[2*i:])))
		case 4:
			all = append(all, int64(t.order.Uint32(f.value[4*i:])))
		}
	}
	return all
}

// write adds a page: first its strips or tiles, then the long values, then the
// fields. It writes the page's place to link and returns where that of the next
// one is to be written.
func (t *tiffFile) write(fields []tiffField, link []byte) ([]byte, error) {
	find := func(tag uint16) int {
		return slices.IndexFunc(fields, func(f tiffField) bool { return f.tag == tag })
	}
	moved := false
	for _, pair := range [][2]uint16{{tiffStripOffsets, tiffStripCounts}, {tiffTileOffsets, tiffTileCounts}} {
		o, c := find(pair[0]), find(pair[1])
		if o < 0 && c < 0 {
			continue
		}
		if o < 0 || c < 0 || fields[o].count != fields[c].count {
			return nil, ErrDamaged
		}
		offsets, counts := t.numbers(fields[o]), t.numbers(fields[c])
		if len(offsets) == 0 || len(offsets) != len(counts) {
			return nil, ErrDamaged
		}
		value := make([]byte, 0, 4*len(offsets))
		for i, at := range offsets {
			if t.data += counts[i]; at > t.source.size || counts[i] > t.source.size-at || t.data > t.source.size {
				return nil, ErrDamaged // or they lie over each other
			}
			value = t.order.AppendUint32(value, uint32(t.size))
			t.add(span{at: at, n: counts[i]})
		}
		fields[o].kind, fields[o].value, moved = 4, value, true
	}
	if !moved {
		return nil, ErrDamaged
	}
	t.even()
	table := t.order.AppendUint16(nil, uint16(len(fields)))
	for _, f := range fields {
		table = t.order.AppendUint16(table, f.tag)
		table = t.order.AppendUint16(table, f.kind)
		table = t.order.AppendUint32(table, uint32(f.count))
		if len(f.value) > 4 {
			table = t.order.AppendUint32(table, uint32(t.size))
			t.add(literal(f.value...))
			t.even()
			continue
		}
		table = append(append(table, f.value...), make([]byte, 4-len(f.value))...)
	}
	t.order.PutUint32(link, uint32(t.size))
	table = append(table, 0, 0, 0, 0)
	t.add(literal(table...))
	return table[len(table)-4:], nil
}

// even fills up to a place where a page or value may begin.
func (t *tiffFile) even() {
	if t.size%2 != 0 {
		t.add(literal(0))
	}
}
