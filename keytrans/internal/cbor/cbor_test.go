// SPDX-License-Identifier: Apache-2.0

package cbor

import (
	"bytes"
	"testing"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"pgregory.net/rapid"
)

type sample struct {
	_     struct{} `cbor:",toarray"`
	Uint  uint64
	Bytes []byte
	Text  string
	List  []uint64
	Null  *uint64
}

func encode(s sample) []byte {
	var w Writer
	w.Array(5)
	w.Uint(s.Uint)
	w.Bytes(s.Bytes)
	w.Text(s.Text)
	w.Array(len(s.List))
	for _, v := range s.List {
		w.Uint(v)
	}
	if s.Null == nil {
		w.Null()
	} else {
		w.Uint(*s.Null)
	}
	return w.Result()
}

func decode(b []byte) (s sample, err error) {
	r := NewReader(b)
	r.Array(5)
	s.Uint = r.Uint(1<<64 - 1)
	s.Bytes = r.Bytes(1 << 16)
	s.Text = r.Text(1 << 16)
	for range r.Length(0, 1<<10) {
		s.List = append(s.List, r.Uint(1<<64-1))
	}
	if !r.Null() {
		v := r.Uint(1<<64 - 1)
		s.Null = &v
	}
	return s, r.Done()
}

// edges are integers around the borders of the head's sizes.
var edges = []uint64{0, 1, 23, 24, 0xff, 0x100, 0xffff, 0x10000, 0xffffffff, 0x100000000, 1<<64 - 1}

func TestEncodingIsThatOfTheGeneralLibrary(t *testing.T) {
	number := rapid.OneOf(rapid.SampledFrom(edges), rapid.Uint64())
	rapid.Check(t, func(t *rapid.T) {
		s := sample{
			Uint: number.Draw(t, "uint"), Bytes: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "bytes"), Text: rapid.String().Draw(t, "text"),
			List: rapid.SliceOfN(number, 0, 30).Draw(t, "list"),
		}
		if rapid.Bool().Draw(t, "null") {
			v := number.Draw(t, "value")
			s.Null = &v
		}
		want, err := dcbor.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		got := encode(s)
		if !bytes.Equal(got, want) {
			t.Fatalf("got %x, want %x", got, want)
		}
		again, err := decode(got)
		if err != nil || !bytes.Equal(encode(again), got) {
			t.Fatalf("decoded: %v", err)
		}
	})
}

func TestMalformed(t *testing.T) {
	read := map[string]func(*Reader){
		"uint":  func(r *Reader) { r.Uint(1<<64 - 1) },
		"bytes": func(r *Reader) { r.Bytes(8) },
		"fixed": func(r *Reader) { r.Fixed(make([]byte, 2)) },
		"text":  func(r *Reader) { r.Text(8) },
		"array": func(r *Reader) { r.Array(1); r.Uint(9) },
		"list":  func(r *Reader) { r.Length(1, 2); r.Uint(9) },
	}
	cases := []struct {
		name, kind string
		input      []byte
	}{
		{"nothing", "uint", nil},
		{"another type", "uint", []byte{0x41, 0}},
		{"one byte too many for 23", "uint", []byte{0x18, 23}},
		{"two bytes for 255", "uint", []byte{0x19, 0, 0xff}},
		{"four bytes for 65535", "uint", []byte{0x1a, 0, 0, 0xff, 0xff}},
		{"eight bytes for 2^32-1", "uint", []byte{0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}},
		{"a reserved head", "uint", []byte{0x1c}},
		{"an indefinite length", "bytes", []byte{0x5f, 0x41, 0, 0xff}},
		{"truncated head", "uint", []byte{0x19, 1}},
		{"truncated string", "bytes", []byte{0x42, 0}},
		{"a length without end", "bytes", []byte{0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{"a string beyond its limit", "bytes", append([]byte{0x49}, make([]byte, 9)...)},
		{"a fixed string too short", "fixed", []byte{0x41, 0}},
		{"a fixed string too long", "fixed", []byte{0x43, 0, 0, 0}},
		{"text that is not UTF-8", "text", []byte{0x61, 0xff}},
		{"trailing bytes", "uint", []byte{0, 0}},
		{"another number of elements", "array", []byte{0x82, 0, 0}},
		{"no elements where one is needed", "list", []byte{0x80}},
		{"more elements than the limit", "list", []byte{0x83, 0, 0, 0}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := NewReader(c.input)
			read[c.kind](r)
			if r.Done() == nil {
				t.Error("accepted")
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	one := uint64(1)
	f.Add(encode(sample{Uint: 300, Bytes: []byte{1}, Text: "a", List: edges}))
	f.Add(encode(sample{Null: &one}))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decode(b)
		if err != nil {
			return
		}
		if !bytes.Equal(encode(s), b) {
			t.Error("a value has two encodings")
		}
	})
}
