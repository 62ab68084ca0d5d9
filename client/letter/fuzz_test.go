// SPDX-License-Identifier: AGPL-3.0-or-later

package letter

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

func FuzzParse(f *testing.F) {
	for _, in := range []Invitation{
		{Version: 1, Host: "here", Welcome: []byte{1}, Tree: []byte{2}},
		{Version: 1, Host: "here", Welcome: []byte{1}, Stash: &envelope.Stash{Size: 5}},
	} {
		body, err := dcbor.Marshal(in)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), append(body, 0, 0)...))
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0})
	f.Fuzz(func(t *testing.T, plain []byte) {
		in, err := parse(plain)
		if err != nil {
			return
		}
		again, err := dcbor.Marshal(in)
		if err != nil || !bytes.HasPrefix(plain[lengthSize:], again) {
			t.Errorf("%x became %x, %v", plain, again, err)
		}
	})
}
