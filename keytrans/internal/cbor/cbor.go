// SPDX-License-Identifier: Apache-2.0

// Package cbor encodes and decodes the part of deterministic CBOR (RFC 8949,
// Section 4.2.1) that the formats of keytrans consist of: unsigned integers, byte
// strings, text strings, arrays of definite length, and null.
//
// Decoding is strict: a head in more bytes than needed, another type than
// expected, a length that exceeds what is there and trailing bytes are errors.
// Nothing is allocated by a length before the bytes are known to be there.
//
// It is a package of its own, beside the module's internal/codec/dcbor, because keytrans
// is a library of its own and does not depend on a general CBOR library.
package cbor

import (
	"errors"
	"unicode/utf8"
)

// ErrMalformed is matched by every error of a Reader.
var ErrMalformed = errors.New("keytrans: malformed encoding")

// Major types (RFC 8949, Section 3.1), and the one simple value in use.
const (
	majorUint  = 0 << 5
	majorBytes = 2 << 5
	majorText  = 3 << 5
	majorArray = 4 << 5
	null       = 0xf6
)

// A Writer appends encodings to a buffer. The zero value is ready.
type Writer struct{ b []byte }

// NewWriter returns a Writer with room for n bytes.
func NewWriter(n int) *Writer { return &Writer{make([]byte, 0, n)} }

// Result returns what was written.
func (w *Writer) Result() []byte { return w.b }

// Uint appends an unsigned integer.
func (w *Writer) Uint(v uint64) { w.head(majorUint, v) }

// Bytes appends a byte string.
func (w *Writer) Bytes(v []byte) {
	w.head(majorBytes, uint64(len(v)))
	w.b = append(w.b, v...)
}

// Text appends a text string, which must be valid UTF-8.
func (w *Writer) Text(v string) {
	w.head(majorText, uint64(len(v)))
	w.b = append(w.b, v...)
}

// Array appends the head of an array of n elements, which follow.
func (w *Writer) Array(n int) { w.head(majorArray, uint64(n)) }

// Null appends null.
func (w *Writer) Null() { w.b = append(w.b, null) }

// head appends the shortest head of a major type with an argument.
func (w *Writer) head(major byte, v uint64) {
	switch {
	case v < 24:
		w.b = append(w.b, major|byte(v))
	case v < 1<<8:
		w.b = append(w.b, major|24, byte(v))
	case v < 1<<16:
		w.b = append(w.b, major|25, byte(v>>8), byte(v))
	case v < 1<<32:
		w.b = append(w.b, major|26, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	default:
		w.b = append(w.b, major|27, byte(v>>56), byte(v>>48), byte(v>>40), byte(v>>32), byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
}

// A Reader decodes from a buffer. The first error sticks: after it, every method
// returns zero values. What a Reader returns aliases its input.
type Reader struct {
	b      []byte
	failed bool
}

// NewReader returns a Reader of b.
func NewReader(b []byte) *Reader { return &Reader{b: b} }

// Fail makes Done return an error.
func (r *Reader) Fail() { r.b, r.failed = nil, true }

// Done returns ErrMalformed if anything failed or bytes are left.
func (r *Reader) Done() error {
	if r.failed || len(r.b) > 0 {
		return ErrMalformed
	}
	return nil
}

// Uint reads an unsigned integer of at most limit.
func (r *Reader) Uint(limit uint64) uint64 {
	v := r.head(majorUint)
	if v > limit {
		r.Fail()
		return 0
	}
	return v
}

// Bytes reads a byte string of at most limit bytes.
func (r *Reader) Bytes(limit int) []byte { return r.take(r.head(majorBytes), limit) }

// Fixed reads a byte string of exactly n bytes into dst, whose length is n.
func (r *Reader) Fixed(dst []byte) {
	v := r.Bytes(len(dst))
	if len(v) != len(dst) {
		r.Fail()
		return
	}
	copy(dst, v)
}

// Text reads a text string of at most limit bytes.
func (r *Reader) Text(limit int) string {
	v := r.take(r.head(majorText), limit)
	if !utf8.Valid(v) {
		r.Fail()
		return ""
	}
	return string(v)
}

// Array reads the head of an array of exactly n elements.
func (r *Reader) Array(n int) {
	if r.head(majorArray) != uint64(n) {
		r.Fail()
	}
}

// Length reads the head of an array of low to high elements and returns how many
// there are.
func (r *Reader) Length(low, high int) int {
	v := r.head(majorArray)
	if r.failed || v < uint64(low) || v > uint64(high) {
		r.Fail()
		return 0
	}
	return int(v)
}

// Null reports whether the next value is null, and consumes it if so.
func (r *Reader) Null() bool {
	if len(r.b) == 0 || r.b[0] != null {
		return false
	}
	r.b = r.b[1:]
	return true
}

// IsArray reports whether the next value is an array, without consuming it.
func (r *Reader) IsArray() bool { return len(r.b) > 0 && r.b[0]&0xe0 == majorArray }

func (r *Reader) take(n uint64, limit int) []byte {
	if r.failed || n > uint64(limit) || n > uint64(len(r.b)) {
		r.Fail()
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

// head reads a head of a major type in its shortest form and returns its argument.
func (r *Reader) head(major byte) uint64 {
	if r.failed || len(r.b) == 0 || r.b[0]&0xe0 != major {
		r.Fail()
		return 0
	}
	info := r.b[0] & 0x1f
	r.b = r.b[1:]
	if info < 24 {
		return uint64(info)
	}
	size := 1 << (info - 24)
	if info > 27 || len(r.b) < size {
		r.Fail()
		return 0
	}
	var v uint64
	for _, c := range r.b[:size] {
		v = v<<8 | uint64(c)
	}
	r.b = r.b[size:]
	if size == 1 && v < 24 || size > 1 && v>>(4*size) == 0 {
		r.Fail()
		return 0
	}
	return v
}
