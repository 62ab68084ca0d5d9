// SPDX-License-Identifier: AGPL-3.0-or-later

package letter

import (
	"crypto/ed25519"
	"slices"

	"github.com/securecrypt/securecrypt/protocol"
)

// A Rejoin is the content of a letter in place of a welcome: a device asks to be added to
// a conversation that its account is in. Who gets it compares the device with the
// account's chain.
type Rejoin struct {
	Address   string `cbor:"1,keyasint"`
	Key       []byte `cbor:"2,keyasint"` // the device's signature key, Ed25519
	Signature []byte `cbor:"3,keyasint"`
}

func rejoinSigned(to protocol.DeviceID, in *Invitation, address string) []byte {
	return slices.Concat([]byte("securecrypt/v1/letter-rejoin"), to[:], in.Channel[:], []byte(in.Host), []byte{0}, []byte(address))
}

// AskToRejoin makes a letter that asks the device named to, for the account with an
// address, to be let into a conversation.
func AskToRejoin(to protocol.DeviceID, host string, channel protocol.ChannelID, address string, key ed25519.PrivateKey) Invitation {
	in := Invitation{Host: host, Channel: channel}
	in.Rejoin = &Rejoin{Address: address, Key: key.Public().(ed25519.PublicKey), Signature: ed25519.Sign(key, rejoinSigned(to, &in, address))}
	return in
}

// Verify reports whether the device that a letter names asked the device named to.
func (r *Rejoin) Verify(to protocol.DeviceID, in *Invitation) bool {
	return len(r.Key) == ed25519.PublicKeySize && ed25519.Verify(r.Key, rejoinSigned(to, in, r.Address), r.Signature)
}
