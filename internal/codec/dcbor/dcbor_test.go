// SPDX-License-Identifier: AGPL-3.0-or-later

package dcbor_test

import (
	"encoding/hex"
	"testing"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

type sample struct {
	A uint64 `cbor:"1,keyasint"`
	B []byte `cbor:"2,keyasint,omitempty"`
}

func TestUnmarshalAcceptsOnlyOneForm(t *testing.T) {
	cases := []struct {
		name, in string
		ok       bool
	}{
		{"shortest", "a1010a", true},
		{"both fields", "a2010a0241ff", true},
		{"long integer", "a101180a", false},
		{"long key", "a118010a", false},
		{"unsorted", "a20241ff010a", false},
		{"repeated key", "a2010a010a", false},
		{"indefinite map", "bf010aff", false},
		{"unknown field", "a2010a0300", false},
		{"empty where absent", "a2010a0240", false},
		{"trailing", "a1010a00", false},
		{"short", "a101", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b, err := hex.DecodeString(c.in)
			if err != nil {
				t.Fatal(err)
			}
			var v sample
			if err := dcbor.Unmarshal(b, &v); (err == nil) != c.ok {
				t.Fatalf("Unmarshal(%s) = %v, want ok %v", c.in, err, c.ok)
			}
		})
	}
}

func TestUnmarshalFirstWalksASequence(t *testing.T) {
	seq, err := hex.DecodeString("a1010aa1010b")
	if err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for len(seq) > 0 {
		var v sample
		if seq, err = dcbor.UnmarshalFirst(seq, &v); err != nil {
			t.Fatal(err)
		}
		got = append(got, v.A)
	}
	if len(got) != 2 || got[0] != 10 || got[1] != 11 {
		t.Fatalf("got %v", got)
	}
}
