// SPDX-License-Identifier: Apache-2.0

package tlsenc

import (
	"bytes"
	"errors"
	"testing"
)

func TestVectorHeaders(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 16383, 16384, 1 << 20} {
		var w, v Writer
		data := bytes.Repeat([]byte{7}, n)
		w.U8(9)
		w.Opaque(data)
		v.U8(9)
		v.Vector(func(w *Writer) { w.Raw(data) })
		if !bytes.Equal(w.Bytes(), v.Bytes()) {
			t.Fatalf("%d: Vector differs from Opaque", n)
		}
		r := NewReader(w.Bytes())
		r.U8()
		if got := r.Opaque(); !bytes.Equal(got, data) || r.Done() != nil {
			t.Fatalf("%d: does not return", n)
		}
	}
}

func TestMalformed(t *testing.T) {
	for name, b := range map[string][]byte{
		"non-minimal two":  append([]byte{0x40, 0x3f}, make([]byte, 63)...),
		"non-minimal four": append([]byte{0x80, 0, 0, 1}, 0),
		"prefix 11":        {0xc0},
		"too short":        {5, 1, 2},
		"huge":             {0xbf, 0xff, 0xff, 0xff},
		"trailing":         {0, 0},
		"empty":            {},
	} {
		r := NewReader(b)
		r.Opaque()
		if err := r.Done(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := NewReader([]byte{2})
	if r.Optional() || r.Err() == nil {
		t.Error("optional marker 2 is accepted")
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte{1, 2, 0x40, 0x41})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(b)
		for !r.Empty() {
			v := r.Vector()
			for !v.Empty() {
				v.Opaque()
			}
		}
	})
}
