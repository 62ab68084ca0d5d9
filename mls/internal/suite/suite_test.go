// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"bytes"
	"crypto/sha3"
	"testing"
)

// Keys of the suites that other implementations defined come from SHAKE256
// alone, those of the draft's from a labelled derivation.
func TestXWingKeysOfOthers(t *testing.T) {
	ikm := bytes.Repeat([]byte{7}, 64)
	seed := sha3.SumSHAKE256(ikm, 32)
	for id, bare := range map[uint16]bool{0xF002: false, 0x004E: true, 0x0053: true} {
		s, err := Lookup(id)
		if err != nil {
			t.Fatal(err)
		}
		key, err := s.DeriveKeyPair(ikm)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(raw, seed) != bare {
			t.Errorf("%#04x derives %x of a seed %x", id, raw, seed)
		}
	}
}
