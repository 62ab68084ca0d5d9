// SPDX-License-Identifier: AGPL-3.0-or-later

package dcbor_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// nested has the kinds of field that the module's formats have.
type nested struct {
	_     struct{} `cbor:",toarray"`
	Kind  uint8
	ID    uint64
	Parts []sample
	Text  string
	Key   [4]byte
	Flag  bool
	Raw   dcbor.RawMessage
}

// FuzzUnmarshal: what is accepted has one encoding, the one that was given.
func FuzzUnmarshal(f *testing.F) {
	for _, v := range []any{
		sample{A: 10, B: []byte{1}}, []sample{{}}, map[uint64]string{1: "x"}, -1, "text", 1.5, true, nil,
		nested{Parts: []sample{{A: 1}}, Text: "é", Raw: []byte{0}},
	} {
		b, err := dcbor.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, v := range []any{new(any), new(sample), new([]sample), new(nested), new(map[uint64]string), new(uint16), new([4]byte)} {
			if dcbor.Unmarshal(b, v) != nil {
				continue
			}
			again, err := dcbor.Marshal(v)
			if err != nil || !bytes.Equal(again, b) {
				t.Fatalf("%x is accepted as %T, but encoded as %x, %v", b, v, again, err)
			}
			if rest, err := dcbor.UnmarshalFirst(append(bytes.Clone(b), 0xff), v); err != nil || !bytes.Equal(rest, []byte{0xff}) {
				t.Fatalf("%x as the first of a sequence: rest %x, %v", b, rest, err)
			}
			if dcbor.Unmarshal(append(bytes.Clone(b), 0), v) == nil {
				t.Fatalf("%x with a byte after it is accepted", b)
			}
		}
	})
}

func TestUnmarshalRefuses(t *testing.T) {
	deep := strings.Repeat("81", dcbor.MaxNesting+1) + "00"
	cases := []struct{ name, in string }{
		{"nothing", ""},
		{"an integer in two bytes", "1801"},
		{"an integer in nine bytes", "1b0000000000000001"},
		{"a length in two bytes", "580101"},
		{"a text that is not UTF-8", "61ff"},
		{"a text in pieces", "7f616161" + "62ff"},
		{"bytes in pieces", "5f4101ff"},
		{"an array without length", "9f00ff"},
		{"a float in four bytes that fits in two", "fa3f800000"},
		{"a float in eight bytes that fits in two", "fb3ff0000000000000"},
		{"not a number, in its long form", "fb7ff8000000000000"},
		{"not a number, with a payload", "f97e01"},
		{"a simple value in two bytes", "f818"},
		{"a break without a beginning", "ff"},
		{"reserved additional information", "1c"},
		{"two values", "0000"},
		{"a map with keys out of order", "a2020001" + "00"},
		{"a map with longer keys first", "a2190100000100"},
		{"a map with a key twice", "a201000100"},
		{"an array longer than its bytes", "9affffffff00"},
		{"bytes longer than there are", "5affffffff00"},
		{"a text longer than there is", "7bffffffffffffffff00"},
		{"a map larger than there is", "bbffffffffffffffff00"},
		{"arrays nested too deeply", deep},
		{"a tag cut off", "c1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b, err := hex.DecodeString(c.in)
			if err != nil {
				t.Fatal(err)
			}
			var v any
			if err := dcbor.Unmarshal(b, &v); err == nil {
				t.Errorf("accepted as %v", v)
			}
		})
	}
}

func TestUnmarshalBoundsElements(t *testing.T) {
	for n, ok := range map[int]bool{dcbor.MaxElements: true, dcbor.MaxElements + 1: false} {
		b, err := dcbor.Marshal(make([]uint8x, n))
		if err != nil {
			t.Fatal(err)
		}
		var v []uint8x
		if err := dcbor.Unmarshal(b, &v); (err == nil) != ok {
			t.Errorf("%d elements: %v", n, err)
		}
	}
}

// uint8x keeps a slice of it from being a byte string.
type uint8x uint16

// A length that a few bytes claim costs no memory.
func TestClaimedLengthsAreNotAllocated(t *testing.T) {
	const runs, most = 100, 4096
	for _, in := range []string{"9b0000000000010000", "5b000000007fffffff", "7b000000007fffffff", "bb0000000000010000"} {
		b, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []any{new(any), new([]sample), new([]byte), new(string), new(map[uint64]string)} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range runs {
				if dcbor.Unmarshal(b, v) == nil {
					t.Fatalf("%s is accepted", in)
				}
			}
			runtime.ReadMemStats(&after)
			if each := (after.TotalAlloc - before.TotalAlloc) / runs; each > most {
				t.Errorf("%s into %T: %d bytes allocated", in, v, each)
			}
		}
	}
}

func TestErrorTellsFormFromContent(t *testing.T) {
	var v sample
	if err := dcbor.Unmarshal([]byte{0xa1, 0x01, 0x18, 0x0a}, &v); !errors.Is(err, dcbor.ErrNotDeterministic) {
		t.Errorf("a long form: %v", err)
	}
	if err := dcbor.Unmarshal([]byte{0xa1}, &v); err == nil || errors.Is(err, dcbor.ErrNotDeterministic) {
		t.Errorf("a map cut off: %v", err)
	}
}
