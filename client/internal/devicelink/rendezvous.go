// SPDX-License-Identifier: AGPL-3.0-or-later

package devicelink

import (
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/codec/padme"
	"github.com/securecrypt/securecrypt/protocol"
)

// What is sealed is padded to one of these lengths, or to its Padmé length.
const (
	smallEntry = 4 << 10
	largeEntry = 16 << 10
	signalSize = 512
	lengthSize = 4
)

// A Rendezvous is the channel in which two devices with one code meet.
type Rendezvous struct {
	Channel protocol.ChannelID
	Access  ed25519.PrivateKey
	aead    cipher.AEAD
}

// Rendezvous returns where the devices that have the code meet.
func (c Code) Rendezvous() (*Rendezvous, error) {
	id, err := c.derive(channelInfo, len(protocol.ChannelID{}))
	if err != nil {
		return nil, err
	}
	seed, err := c.derive(accessInfo, ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	key, err := c.derive(entriesInfo, chacha20poly1305.KeySize)
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	return &Rendezvous{protocol.ChannelID(id), ed25519.NewKeyFromSeed(seed), aead}, nil
}

// Seal returns a message as an entry of the channel.
func (r *Rendezvous) Seal(m Message) ([]byte, error) {
	body, err := m.encode()
	if err != nil {
		return nil, err
	}
	size := smallEntry
	switch n := lengthSize + len(body); {
	case n > largeEntry:
		size = int(padme.Size(int64(n)))
	case n > smallEntry || m.Welcome != nil:
		size = largeEntry
	}
	return r.seal("entry", body, size), nil
}

// SealSign returns a sign of life as a signal of the channel, which says which side
// it is of.
func (r *Rendezvous) SealSign(side Side) []byte {
	return r.seal("signal", []byte{byte(side)}, signalSize)
}

func (r *Rendezvous) seal(kind string, body []byte, size int) []byte {
	plain := make([]byte, size)
	binary.BigEndian.PutUint32(plain, uint32(len(body)))
	copy(plain[lengthSize:], body)
	nonce := make([]byte, r.aead.NonceSize())
	_, _ = rand.Read(nonce)
	return r.aead.Seal(nonce, nonce, plain, r.data(kind))
}

// Open is the inverse of Seal. The error is chat.ErrLinkChanged.
func (r *Rendezvous) Open(sealed []byte) (Message, error) {
	body, ok := r.open("entry", sealed)
	if !ok {
		return Message{}, chat.ErrLinkChanged
	}
	return decode(body)
}

// OpenSign returns the side that a sign of life is of, 0 if it is none.
func (r *Rendezvous) OpenSign(sealed []byte) Side {
	body, ok := r.open("signal", sealed)
	if !ok || len(body) != 1 {
		return 0
	}
	return Side(body[0])
}

func (r *Rendezvous) open(kind string, sealed []byte) ([]byte, bool) {
	n := r.aead.NonceSize()
	if len(sealed) < n {
		return nil, false
	}
	plain, err := r.aead.Open(nil, sealed[:n], sealed[n:], r.data(kind))
	if err != nil || len(plain) < lengthSize {
		return nil, false
	}
	length := binary.BigEndian.Uint32(plain)
	if uint64(length) > uint64(len(plain)-lengthSize) {
		return nil, false
	}
	return plain[lengthSize : lengthSize+length], true
}

func (r *Rendezvous) data(kind string) []byte {
	return slices.Concat([]byte(entriesInfo+"/"+kind), r.Channel[:])
}
