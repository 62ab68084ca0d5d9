// SPDX-License-Identifier: AGPL-3.0-or-later

package keyring

import (
	"bytes"
	"testing"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

func FuzzParse(f *testing.F) {
	good, err := dcbor.Marshal(sealedKey{Version: 1, Passes: passes, Memory: memory, Threads: threads, Box: make([]byte, 48)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	greedy, err := dcbor.Marshal(sealedKey{Version: 1, Passes: 1 << 31, Memory: 1 << 31, Threads: 255})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(greedy)
	f.Fuzz(func(t *testing.T, sealed []byte) {
		s, err := parse(sealed)
		if err != nil {
			return
		}
		if s.Memory > maxMemory || s.Passes > maxPasses || s.Passes == 0 || s.Threads == 0 {
			t.Errorf("accepted %+v", s)
		}
		if again, err := dcbor.Marshal(s); err != nil || !bytes.Equal(again, sealed) {
			t.Errorf("%x became %x, %v", sealed, again, err)
		}
	})
}
