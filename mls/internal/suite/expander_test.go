// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"bytes"
	"fmt"
	"testing"
)

func TestExpander(t *testing.T) {
	for _, id := range All() {
		s, err := Lookup(id)
		if err != nil {
			t.Fatal(err)
		}
		secret := bytes.Repeat([]byte{7}, s.HashSize())
		e := s.Expander(secret)
		for i, n := range []int{s.HashSize(), NonceSize, s.KeySize(), 1, 2, 3, 4, 5} {
			label, context := fmt.Sprint("label ", i), bytes.Repeat([]byte{9}, 16*i)
			if want, got := s.ExpandWithLabel(secret, label, context, n), e.Expand(make(Secret, n), label, context); !bytes.Equal(want, got) {
				t.Errorf("%#04x: %x is not %x", id, got, want)
			}
		}
	}
}

func BenchmarkExpand(b *testing.B) {
	s, _ := Lookup(1)
	secret := make(Secret, 32)
	b.Run("each", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.DeriveTreeSecret(secret, "key", 7, 16)
			s.DeriveTreeSecret(secret, "nonce", 7, 12)
			s.DeriveTreeSecret(secret, "secret", 7, 32)
		}
	})
	b.Run("expander", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e := s.Expander(secret)
			e.Expand(make(Secret, 16), "key", []byte{0, 0, 0, 7})
			e.Expand(make(Secret, 12), "nonce", []byte{0, 0, 0, 7})
			e.Expand(make(Secret, 32), "secret", []byte{0, 0, 0, 7})
		}
	})
}
