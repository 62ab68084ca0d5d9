// SPDX-License-Identifier: AGPL-3.0-or-later

package envelope

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

func FuzzParse(f *testing.F) {
	for _, p := range []Payload{{Message: []byte{1}}, {Stash: &Stash{Size: 5}}, {}} {
		body, err := dcbor.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), append(body, 0, 0)...))
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0})
	f.Fuzz(func(t *testing.T, plain []byte) {
		p, err := parse(plain)
		if err != nil {
			return
		}
		again, err := dcbor.Marshal(p)
		if err != nil || !bytes.HasPrefix(plain[lengthSize:], again) || (p.Message == nil) == (p.Stash == nil) {
			t.Errorf("%x became %x, %v", plain, again, err)
		}
	})
}
