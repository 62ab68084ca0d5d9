// SPDX-License-Identifier: AGPL-3.0-or-later

// Package envelope wraps what a member puts into a channel, so that the
// server learns a size class and nothing else: neither the MLS group and
// content type that a PrivateMessage shows in its header, nor whether the
// message is in the entry or in a blob.
//
// The key of an epoch comes from its MLS exporter. An envelope is a random
// nonce of 12 bytes and the AES-256-GCM encryption of the payload, padded
// with zeros; the associated data are the channel, the epoch and the kind of
// the entry. What the envelope protects is metadata: authenticity and secrecy
// of the message are the business of MLS.
package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/internal/codec/padme"
	"github.com/securecrypt/securecrypt/protocol"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// A Key seals the envelopes of one epoch.
type Key [KeySize]byte

// String redacts the key.
func (Key) String() string { return "envelope key (secret)" }

const (
	nonceSize  = 12
	lengthSize = 4
	overhead   = nonceSize + lengthSize + 16
	// smallest and doubling: payloads are padded to 512, 1024, 2048 or 4096
	// bytes, above that to their Padmé length.
	smallest = 512
	doubling = 4096
)

// MaxMessage is the longest MLS message, in bytes, that fits into an entry.
// Longer ones go into a blob.
const MaxMessage = 200 << 10

// KindSignal is the kind of what is shown to those who are there and not
// stored: no entry of a channel can pass for it, nor it for one.
const KindSignal protocol.EntryKind = 2

// ErrOpen means that the bytes were not sealed with this key for this place.
var ErrOpen = errors.New("envelope: does not open")

// Payload is the content of an envelope: a message or where to find it.
type Payload struct {
	Message []byte `cbor:"1,keyasint,omitempty"`
	Stash   *Stash `cbor:"2,keyasint,omitempty"`
}

// Stash is a message that lies in a blob, encrypted as an attachment.
type Stash struct {
	Blob  protocol.BlobID          `cbor:"1,keyasint"`
	Size  int64                    `cbor:"2,keyasint"`
	Key   [attach.KeySize]byte     `cbor:"3,keyasint"`
	Nonce [attach.NonceSize]byte   `cbor:"4,keyasint"`
	Hash  [attach.ContentHash]byte `cbor:"5,keyasint"`
}

// Place is where an envelope belongs.
type Place struct {
	Channel protocol.ChannelID
	Epoch   uint64
	Kind    protocol.EntryKind
}

func (p Place) associatedData() []byte {
	b := append([]byte("securecrypt/v1/envelope"), p.Channel[:]...)
	b = binary.BigEndian.AppendUint64(b, p.Epoch)
	return append(b, byte(p.Kind))
}

// Seal encrypts a payload for a place.
func Seal(k Key, at Place, payload Payload) ([]byte, error) {
	body, err := dcbor.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	aead, err := k.aead()
	if err != nil {
		return nil, err
	}
	padded := class(lengthSize + len(body))
	out := make([]byte, nonceSize+padded, nonceSize+padded+aead.Overhead())
	_, _ = rand.Read(out[:nonceSize])
	plain := out[nonceSize:]
	binary.BigEndian.PutUint32(plain, uint32(len(body)))
	copy(plain[lengthSize:], body)
	aead.Seal(plain[:0], out[:nonceSize], plain, at.associatedData())
	return out[:cap(out)], nil
}

// Open is the inverse of Seal. The error is ErrOpen whatever is wrong.
func Open(k Key, at Place, sealed []byte) (Payload, error) {
	aead, err := k.aead()
	if err != nil {
		return Payload{}, err
	}
	if len(sealed) < overhead {
		return Payload{}, ErrOpen
	}
	plain, err := aead.Open(nil, sealed[:nonceSize], sealed[nonceSize:], at.associatedData())
	if err != nil {
		return Payload{}, ErrOpen
	}
	return parse(plain)
}

// parse decodes the padded content of an envelope.
func parse(plain []byte) (Payload, error) {
	if len(plain) < lengthSize {
		return Payload{}, ErrOpen
	}
	n := binary.BigEndian.Uint32(plain)
	if uint64(n) > uint64(len(plain)-lengthSize) {
		return Payload{}, ErrOpen
	}
	var p Payload
	if err := dcbor.Unmarshal(plain[lengthSize:lengthSize+n], &p); err != nil {
		return Payload{}, ErrOpen
	}
	if (p.Message == nil) == (p.Stash == nil) {
		return Payload{}, ErrOpen
	}
	return p, nil
}

func (k Key) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	return aead, nil
}

// class returns the padded length for n bytes.
func class(n int) int {
	for c := smallest; c <= doubling; c *= 2 {
		if n <= c {
			return c
		}
	}
	return int(padme.Size(int64(n)))
}
