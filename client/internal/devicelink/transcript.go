// SPDX-License-Identifier: AGPL-3.0-or-later

package devicelink

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// The first element of what is hashed and signed tells the purposes apart.
const (
	commitLabel     = "securecrypt/v1/link/commit"
	transcriptLabel = "securecrypt/v1/link/transcript"
	digitsInfo      = "securecrypt/v1/link/digits"
	welcomeLabel    = "securecrypt/v1/link/welcome"
)

// commitmentTo returns the hash by which a joiner commits to its keys.
func commitmentTo(r *Reveal) ([32]byte, error) {
	b, err := dcbor.Marshal([]any{commitLabel, r})
	return sha256.Sum256(b), err
}

// transcript is the hash of all that was said before the digits.
type transcript [32]byte

func transcriptOf(host string, c *Commit, a *Answer, r *Reveal) (transcript, error) {
	b, err := dcbor.Marshal([]any{transcriptLabel, host, c, a, r})
	return sha256.Sum256(b), err
}

// digits returns what both devices show: two groups of three.
func (t transcript) digits() (string, error) {
	b, err := hkdf.Key(sha256.New, t[:], nil, digitsInfo, 8)
	if err != nil {
		return "", fmt.Errorf("devicelink: %w", err)
	}
	n := binary.BigEndian.Uint64(b) % 1_000_000
	return fmt.Sprintf("%03d %03d", n/1000, n%1000), nil
}

// welcomeInfo binds the sealed welcome to what was said.
func (t transcript) welcomeInfo() []byte { return append([]byte(welcomeLabel), t[:]...) }

// Given is what a linked device gets.
type Given struct {
	// Head is that of the account's chain with the new device.
	Head account.Head
	// Profile is the name that the account shows to others.
	Profile string
}

// welcome is the content of Welcome.Sealed.
type welcome struct {
	Version   uint8             `cbor:"1,keyasint"`
	Head      [32]byte          `cbor:"2,keyasint"`
	Profile   string            `cbor:"3,keyasint"`
	Signature protocolSignature `cbor:"4,keyasint"`
}

type protocolSignature [ed25519.SignatureSize]byte

const welcomeVersion = 1

// signed returns what the approver's device signs of a welcome.
func (t transcript) signed(w *welcome) ([]byte, error) {
	return dcbor.Marshal([]any{welcomeLabel, t[:], w.Version, w.Head, w.Profile})
}
