// SPDX-License-Identifier: Apache-2.0

package tlsenc

import (
	"encoding/binary"
	"errors"
)

// MaxVector is the largest length that a vector header can express.
const MaxVector = 1<<30 - 1

// ErrMalformed is returned for bytes that are no valid encoding.
var ErrMalformed = errors.New("tlsenc: malformed")

// Writer appends encodings to a buffer. The zero value is ready.
type Writer struct{ b []byte }

// NewWriter returns a Writer with room for n bytes.
func NewWriter(n int) *Writer { return &Writer{make([]byte, 0, n)} }

// Bytes returns what was written.
func (w *Writer) Bytes() []byte { return w.b }

// U8 appends a uint8.
func (w *Writer) U8(v uint8) { w.b = append(w.b, v) }

// U16 appends a uint16.
func (w *Writer) U16(v uint16) { w.b = binary.BigEndian.AppendUint16(w.b, v) }

// U32 appends a uint32.
func (w *Writer) U32(v uint32) { w.b = binary.BigEndian.AppendUint32(w.b, v) }

// U64 appends a uint64.
func (w *Writer) U64(v uint64) { w.b = binary.BigEndian.AppendUint64(w.b, v) }

// Raw appends bytes as they are.
func (w *Writer) Raw(v []byte) { w.b = append(w.b, v...) }

// Opaque appends opaque<V>. It panics if v exceeds MaxVector.
func (w *Writer) Opaque(v []byte) {
	w.b = appendLength(w.b, len(v))
	w.b = append(w.b, v...)
}

// Optional appends the marker of an optional value.
func (w *Writer) Optional(present bool) {
	if present {
		w.U8(1)
	} else {
		w.U8(0)
	}
}

// Vector appends a vector whose content body writes.
func (w *Writer) Vector(body func(*Writer)) {
	start := len(w.b)
	w.b = append(w.b, 0)
	body(w)
	n := len(w.b) - start - 1
	var header [4]byte
	h := appendLength(header[:0], n)
	if extra := len(h) - 1; extra > 0 {
		w.b = append(w.b, header[:extra]...)
		copy(w.b[start+len(h):], w.b[start+1:start+1+n])
	}
	copy(w.b[start:], h)
}

// appendLength appends the shortest header for a vector of n bytes.
func appendLength(b []byte, n int) []byte {
	switch {
	case n < 1<<6:
		return append(b, byte(n))
	case n < 1<<14:
		return binary.BigEndian.AppendUint16(b, uint16(n)|1<<14)
	case n <= MaxVector:
		return binary.BigEndian.AppendUint32(b, uint32(n)|1<<31)
	default:
		panic("tlsenc: vector is too long")
	}
}

// Reader decodes from a buffer. The first error sticks: after it, every method
// returns zero values and Empty is true, so that loops end.
type Reader struct {
	b   []byte
	err *error
}

// NewReader returns a Reader of b.
func NewReader(b []byte) *Reader { return &Reader{b, new(error)} }

// Fail records an error, unless there is one already.
func (r *Reader) Fail(err error) {
	if *r.err == nil {
		*r.err = err
	}
	r.b = nil
}

// Err returns the first error.
func (r *Reader) Err() error { return *r.err }

// Empty reports whether nothing is left, or an error has occurred.
func (r *Reader) Empty() bool { return len(r.b) == 0 || *r.err != nil }

// Rest returns what is left without consuming it.
func (r *Reader) Rest() []byte { return r.b }

// Done returns the first error, or an error if bytes are left.
func (r *Reader) Done() error {
	if *r.err == nil && len(r.b) > 0 {
		r.Fail(ErrMalformed)
	}
	return *r.err
}

// Take returns the next n bytes.
func (r *Reader) Take(n int) []byte {
	if *r.err != nil || n < 0 || n > len(r.b) {
		r.Fail(ErrMalformed)
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

// U8 reads a uint8.
func (r *Reader) U8() uint8 {
	if v := r.Take(1); v != nil {
		return v[0]
	}
	return 0
}

// U16 reads a uint16.
func (r *Reader) U16() uint16 {
	if v := r.Take(2); v != nil {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

// U32 reads a uint32.
func (r *Reader) U32() uint32 {
	if v := r.Take(4); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

// U64 reads a uint64.
func (r *Reader) U64() uint64 {
	if v := r.Take(8); v != nil {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

// Optional reads the marker of an optional value.
func (r *Reader) Optional() bool {
	switch r.U8() {
	case 0:
		return false
	case 1:
		return *r.err == nil
	default:
		r.Fail(ErrMalformed)
		return false
	}
}

// Length reads the header of a vector (RFC 9420, Section 2.1.2), without
// looking whether so many bytes follow.
func (r *Reader) Length() int {
	if r.Empty() {
		r.Fail(ErrMalformed)
		return 0
	}
	switch r.b[0] >> 6 {
	case 0:
		return int(r.U8())
	case 1:
		n := int(r.U16() & (1<<14 - 1))
		if n < 1<<6 {
			r.Fail(ErrMalformed)
		}
		return n
	case 2:
		n := int(r.U32() & (1<<30 - 1))
		if n < 1<<14 {
			r.Fail(ErrMalformed)
		}
		return n
	default:
		r.Fail(ErrMalformed)
		return 0
	}
}

// Opaque reads opaque<V>.
func (r *Reader) Opaque() []byte { return r.Take(r.Length()) }

// Vector reads a vector and returns a Reader of its content, which shares
// the error.
func (r *Reader) Vector() *Reader { return &Reader{r.Opaque(), r.err} }
