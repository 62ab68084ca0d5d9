// SPDX-License-Identifier: AGPL-3.0-or-later

// Package letter is what reaches a device through its mailbox: an invitation
// into a conversation, sealed with HPKE (RFC 9180, base mode, X-Wing,
// HKDF-SHA256, AES-256-GCM) to the device's mailbox key.
//
// A letter does not say who wrote it: the welcome inside does, signed.
package letter

import (
	"crypto/hpke"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/internal/codec/padme"
	"github.com/securecrypt/securecrypt/protocol"
)

// ErrOpen means that the letter is not for this key or is no letter.
var ErrOpen = errors.New("letter: does not open")

// MaxTree is the longest ratchet tree, in bytes, that a letter carries
// itself.
const MaxTree = 32 << 10

const (
	lengthSize = 4
	smallest   = 16 << 10
)

// Invitation is the content of a letter: how to join a conversation.
type Invitation struct {
	Version uint8              `cbor:"1,keyasint"`
	Host    string             `cbor:"2,keyasint"`
	Channel protocol.ChannelID `cbor:"3,keyasint"`
	// Welcome is the MLS Welcome for one of the device's key packages.
	Welcome []byte `cbor:"4,keyasint"`
	// Tree is the ratchet tree; one that is long lies at the recipient's own
	// server, and Stash leads to it.
	Tree  []byte          `cbor:"5,keyasint,omitempty"`
	Stash *envelope.Stash `cbor:"6,keyasint,omitempty"`
	// Sender is who wants the tree to be fetched.
	Sender *Sender `cbor:"7,keyasint,omitempty"`
	// Rejoin asks to be added in place of a welcome and a tree.
	Rejoin *Rejoin `cbor:"8,keyasint,omitempty"`
}

const version = 1

// Seal encrypts an invitation to the mailbox key of a device.
func Seal(to hpke.PublicKey, device protocol.DeviceID, in Invitation) ([]byte, error) {
	in.Version = version
	body, err := dcbor.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("letter: %w", err)
	}
	n := lengthSize + len(body)
	plain := make([]byte, max(smallest, padme.Size(int64(n))))
	binary.BigEndian.PutUint32(plain, uint32(len(body)))
	copy(plain[lengthSize:], body)
	sealed, err := hpke.Seal(to, hpke.HKDFSHA256(), hpke.AES256GCM(), info(device), plain)
	if err != nil {
		return nil, fmt.Errorf("letter: sealing: %w", err)
	}
	if len(sealed) > protocol.MaxLetter {
		return nil, errors.New("letter: the invitation is too long")
	}
	return sealed, nil
}

// Open is the inverse of Seal. The error is ErrOpen whatever is wrong.
func Open(key hpke.PrivateKey, device protocol.DeviceID, sealed []byte) (Invitation, error) {
	plain, err := hpke.Open(key, hpke.HKDFSHA256(), hpke.AES256GCM(), info(device), sealed)
	if err != nil {
		return Invitation{}, ErrOpen
	}
	return parse(plain)
}

// parse decodes the padded content of a letter.
func parse(plain []byte) (Invitation, error) {
	if len(plain) < lengthSize {
		return Invitation{}, ErrOpen
	}
	n := binary.BigEndian.Uint32(plain)
	if uint64(n) > uint64(len(plain)-lengthSize) {
		return Invitation{}, ErrOpen
	}
	var in Invitation
	if err := dcbor.Unmarshal(plain[lengthSize:lengthSize+n], &in); err != nil || in.Version != version {
		return Invitation{}, ErrOpen
	}
	if in.Rejoin != nil {
		if len(in.Welcome) > 0 || in.Tree != nil || in.Stash != nil || in.Sender != nil {
			return Invitation{}, ErrOpen
		}
		return in, nil
	}
	if (in.Tree == nil) == (in.Stash == nil) || in.Stash == nil && in.Sender != nil {
		return Invitation{}, ErrOpen
	}
	return in, nil
}

func info(device protocol.DeviceID) []byte {
	return append([]byte("securecrypt/v1/letter"), device[:]...)
}
