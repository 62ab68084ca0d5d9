// SPDX-License-Identifier: AGPL-3.0-or-later

package picture

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/securecrypt/securecrypt/internal/codec/order"
)

// heifBrands are the still pictures among the files of ISO/IEC 14496-12.
var heifBrands = []string{"heic", "heix", "heim", "heis", "mif1", "mif2", "avif", "miaf"}

func isHEIF(head []byte) bool {
	return len(head) >= 12 && string(head[4:8]) == "ftyp" && slices.Contains(heifBrands, string(head[8:12]))
}

// A box is a part of such a file.
type box struct {
	kind     string
	at, n    int64 // of what it holds
	from, to int64 // of all of it
}

// boxes reads the boxes between two places.
func (s *source) boxes(at, end int64) (all []box, err error) {
	for at < end {
		head, err := s.short(at, min(16, end-at))
		if err != nil || len(head) < 8 || len(all) == 10_000 {
			return nil, cmp.Or(err, ErrDamaged)
		}
		b := box{kind: string(head[4:8]), from: at, at: at + 8}
		switch n := int64(binary.BigEndian.Uint32(head)); {
		case n == 1 && len(head) == 16:
			b.at, b.to = at+16, at+int64(min(binary.BigEndian.Uint64(head[8:]), 1<<62))
		case n == 0:
			b.to = end
		default:
			b.to = at + n
		}
		if b.to > end || b.to < b.at {
			return nil, ErrDamaged
		}
		b.n = b.to - b.at
		all, at = append(all, b), b.to
	}
	return all, nil
}

// emptyExif is what stands in the place of an Exif block, which some programs
// insist on reading: a place, 0, and a TIFF file that has no fields.
var emptyExif = []byte("\x00\x00\x00\x00MM\x00*\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00")

// stripHEIF leaves every byte where it is, as places are counted from the
// beginning of the file, and blanks what is none of the picture's: the items
// with Exif and XMP, whatever no item leads to, and boxes of makers.
func stripHEIF(s *source) ([]span, error) {
	all, err := s.boxes(0, s.size)
	if err != nil {
		return nil, err
	}
	var keep []span
	for _, b := range all {
		switch b.kind {
		case "ftyp":
			keep = append(keep, span{at: b.from, n: b.to - b.from})
		case "moov", "moof": // a film, with a box of its own for the place
			return nil, ErrUnknown
		case "meta":
			parts, err := s.heifItems(b)
			if err != nil {
				return nil, err
			}
			keep = append(keep, parts...)
		default:
			keep = append(keep, span{at: b.from, n: b.at - b.from})
		}
	}
	return blanked(keep, s.size), nil
}

// blanked returns a file of which only some parts are kept.
func blanked(keep []span, size int64) (out []span) {
	order.By(keep, func(a, b span) int { return cmp.Compare(a.at, b.at) })
	at := int64(0)
	for _, k := range keep {
		if end := k.at + k.n; end > at {
			begin := max(k.at, at)
			if k.bytes != nil {
				k.bytes = k.bytes[begin-k.at:]
			}
			out = append(out, span{n: begin - at, zero: true}, span{at: begin, n: end - begin, bytes: k.bytes})
			at = end
		}
	}
	return append(out, span{n: size - at, zero: true})
}

// heifItems returns the parts of a file that its items are, and what of the box
// that describes them is kept.
func (s *source) heifItems(meta box) (keep []span, err error) {
	all, err := s.boxes(meta.at+4, meta.to) // behind version and flags
	if err != nil {
		return nil, err
	}
	keep = []span{{at: meta.from, n: meta.at + 4 - meta.from}}
	data, dropped := int64(-1), map[uint32]string{}
	var places *box
	for _, b := range all {
		switch b.kind {
		case "hdlr", "pitm", "iprp", "iref", "grpl", "dinf":
			keep = append(keep, span{at: b.from, n: b.to - b.from})
		case "iinf":
			keep = append(keep, span{at: b.from, n: b.to - b.from})
			if dropped, err = s.heifDropped(b); err != nil {
				return nil, err
			}
		case "iloc":
			keep, places = append(keep, span{at: b.from, n: b.to - b.from}), &b
		case "idat":
			keep, data = append(keep, span{at: b.from, n: b.at - b.from}), b.at
		case "ipro": // what is protected cannot be looked through
			return nil, ErrUnknown
		default:
			keep = append(keep, span{at: b.from, n: b.at - b.from})
		}
	}
	if places == nil {
		return nil, ErrDamaged
	}
	parts, err := s.heifPlaces(*places, data, dropped)
	return append(keep, parts...), err
}

// heifDropped returns the items that say something beside the picture, and of
// what kind they are: all but pictures and what they are made of.
func (s *source) heifDropped(iinf box) (map[uint32]string, error) {
	b, err := s.short(iinf.at, min(8, iinf.n))
	if err != nil || len(b) < 8 {
		return nil, cmp.Or(err, ErrDamaged)
	}
	skip := int64(6)
	if b[0] != 0 {
		skip = 8
	}
	all, err := s.boxes(iinf.at+skip, iinf.to)
	if err != nil {
		return nil, err
	}
	dropped := map[uint32]string{}
	for _, e := range all {
		b, err := s.short(e.at, min(16, e.n))
		if err != nil {
			return nil, err
		}
		switch {
		case e.kind == "infe" && len(b) >= 12 && b[0] == 2:
			heifDrop(dropped, uint32(binary.BigEndian.Uint16(b[4:])), string(b[8:12]))
		case e.kind == "infe" && len(b) >= 14 && b[0] == 3:
			heifDrop(dropped, binary.BigEndian.Uint32(b[4:]), string(b[10:14]))
		default:
			return nil, ErrUnknown
		}
	}
	return dropped, nil
}

func heifDrop(dropped map[uint32]string, id uint32, kind string) {
	if !slices.Contains([]string{"hvc1", "hvt1", "av01", "avc1", "jpeg", "j2k1", "vvc1", "unci", "grid", "iden", "iovl", "tmap"}, kind) {
		dropped[id] = kind
	}
}

// heifPlaces returns the parts of the file that the items are which are kept.
func (s *source) heifPlaces(iloc box, data int64, dropped map[uint32]string) (keep []span, err error) {
	b, err := s.bytes(iloc.at, iloc.n)
	if err != nil {
		return nil, err
	}
	r := fields{b: b}
	version := r.number(1)
	r.number(3)
	sizes := r.number(2)
	wide := int64(2)
	if version == 2 {
		wide = 4
	}
	if version > 2 {
		return nil, ErrUnknown
	}
	for range r.number(wide) {
		id, method := uint32(r.number(wide)), int64(0)
		if version > 0 {
			method = r.number(2) & 15
		}
		r.number(2) // a file of its own, which none of these is
		base := r.number(sizes >> 4 & 15)
		for range r.number(2) {
			if version > 0 {
				r.number(sizes & 15)
			}
			at, n := base+r.number(sizes>>12&15), r.number(sizes>>8&15)
			switch {
			case r.short:
				return nil, ErrDamaged
			case method == 2: // of another item, which is looked at itself
				continue
			case method == 1 && data < 0, method > 2, n == 0:
				return nil, ErrUnknown
			case method == 1:
				at += data
			}
			if at < 0 || n < 0 || at > s.size || n > s.size-at {
				return nil, ErrDamaged
			}
			part := span{at: at, n: n}
			if kind, drop := dropped[id]; drop && (kind != "Exif" || n < int64(len(emptyExif))) {
				continue
			} else if drop {
				part = span{at: at, n: int64(len(emptyExif)), bytes: emptyExif}
			}
			keep = append(keep, part)
		}
		if r.short {
			return nil, ErrDamaged
		}
	}
	return keep, nil
}

// fields reads numbers of various lengths.
type fields struct {
	b     []byte
	short bool // there were not as many
}

func (f *fields) number(n int64) (v int64) {
	if n > int64(len(f.b)) || n > 8 {
		f.short, f.b = true, nil
		return 0
	}
	for _, c := range f.b[:n] {
		v = v<<8 | int64(c)
	}
	f.b = f.b[n:]
	return v
}
