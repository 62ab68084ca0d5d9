// SPDX-License-Identifier: AGPL-3.0-or-later

package letter

import (
	"crypto/ed25519"
	"testing"

	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/protocol"
)

// A sender's signature is for one letter to one device.
func TestSenderSignsOneLetter(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	to := protocol.DeviceID{1}
	signed := func() Invitation {
		in := Invitation{Host: "here", Welcome: []byte{1}, Stash: &envelope.Stash{Size: 1}}
		in.Sign(to, "bob@here", key)
		return in
	}
	in := signed()
	if !in.Signed(to) {
		t.Error("a signed letter is not")
	}
	for name, change := range map[string]func(*Invitation){
		"another welcome": func(in *Invitation) { in.Welcome = []byte{2} },
		"another blob":    func(in *Invitation) { in.Stash.Blob[0]++ },
		"another tree":    func(in *Invitation) { in.Stash.Hash[0]++ },
		"another address": func(in *Invitation) { in.Sender.Address = "eve@here" },
		"another key":     func(in *Invitation) { in.Sender.Key[0]++ },
		"no sender":       func(in *Invitation) { in.Sender = nil },
		"no tree":         func(in *Invitation) { in.Stash = nil },
	} {
		in := signed()
		if change(&in); in.Signed(to) {
			t.Errorf("%s: signed", name)
		}
	}
	if in.Signed(protocol.DeviceID{2}) {
		t.Error("signed for another device")
	}
}
