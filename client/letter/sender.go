// SPDX-License-Identifier: AGPL-3.0-or-later

package letter

import (
	"crypto/ed25519"
	"crypto/sha256"

	"github.com/securecrypt/securecrypt/protocol"
)

// A Sender says who wrote a letter, before its welcome can be checked: that
// needs the tree. It is a claim; the signature shows that the holder of Key made
// it for this letter.
type Sender struct {
	Address   string                      `cbor:"1,keyasint"`
	Key       [ed25519.PublicKeySize]byte `cbor:"2,keyasint"`
	Signature protocol.Signature          `cbor:"3,keyasint"`
}

// Sign makes the device with that key the sender of an invitation that has a
// Stash.
func (in *Invitation) Sign(to protocol.DeviceID, address string, key ed25519.PrivateKey) {
	in.Sender = &Sender{Address: address, Key: [ed25519.PublicKeySize]byte(key.Public().(ed25519.PublicKey))}
	in.Sender.Signature = protocol.Signature(ed25519.Sign(key, in.signed(to)))
}

// Signed reports whether the invitation has a sender whose key signed it.
func (in *Invitation) Signed(to protocol.DeviceID) bool {
	s := in.Sender
	return s != nil && in.Stash != nil && ed25519.Verify(s.Key[:], in.signed(to), s.Signature[:])
}

// signed returns what a sender signs.
func (in *Invitation) signed(to protocol.DeviceID) []byte {
	out := append([]byte("securecrypt/v1/letter-sender"), to[:]...)
	welcome := sha256.Sum256(in.Welcome)
	out = append(append(out, welcome[:]...), in.Stash.Blob[:]...)
	return append(append(out, in.Stash.Hash[:]...), in.Sender.Address...)
}
