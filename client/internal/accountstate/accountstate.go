// SPDX-License-Identifier: AGPL-3.0-or-later

// Package accountstate seals and opens the state of an account: contacts, settings and
// the list of conversations, without their messages. The account's server keeps it for
// its owner, who may have nothing left but the recovery key. It is sealed (HPKE, base
// mode, X-Wing, HKDF-SHA256, AES-256-GCM, RFC 9180) to the sealing key of the recovery
// key and to the account's devices, padded, and signed by the device that made it.
package accountstate

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/internal/codec/padme"
	"github.com/securecrypt/securecrypt/protocol"
)

// ErrOpen means that a sealed state is not for this key, is not the account's, or is
// damaged.
var ErrOpen = errors.New("client: what the server keeps for the recovery cannot be opened")

const (
	version    = 1
	info       = "securecrypt/v1/account-state"
	smallest   = 16 << 10
	lengthSize = 4
	keySize    = 32
	// overhead is what the keys, the signature and the encoding take at most.
	overhead = (account.MaxDevices+1)*1400 + 1024
	// MaxState bounds an encoded state, so that it fits at the server.
	MaxState = (protocol.MaxRecovery - overhead) * 15 / 16 // Padmé adds at most a sixteenth at these sizes
)

// A State is what comes back with the recovery key.
type State struct {
	Version  uint8             `cbor:"1,keyasint"`
	Profile  string            `cbor:"2,keyasint,omitempty"`
	Settings map[string]string `cbor:"3,keyasint,omitempty"` // as records.SettingTexts
	Contacts []Contact         `cbor:"4,keyasint,omitempty"`
	Chats    []Chat            `cbor:"5,keyasint,omitempty"` // the most recent first
}

// A Contact is what the account knows and thinks of somebody.
type Contact struct {
	Address         string `cbor:"1,keyasint"`
	Name            string `cbor:"2,keyasint,omitempty"`
	Profile         string `cbor:"3,keyasint,omitempty"`
	Verified        []byte `cbor:"4,keyasint,omitempty"`
	VerifiedProfile string `cbor:"5,keyasint,omitempty"`
	Known           bool   `cbor:"6,keyasint,omitempty"`
	Blocked         bool   `cbor:"7,keyasint,omitempty"`
}

// A Chat is a conversation that the account is in, and who may let its devices in.
type Chat struct {
	Channel  protocol.ChannelID `cbor:"1,keyasint"`
	Host     string             `cbor:"2,keyasint"`
	Group    bool               `cbor:"3,keyasint,omitempty"`
	Title    string             `cbor:"4,keyasint,omitempty"`
	Peer     string             `cbor:"5,keyasint,omitempty"`
	Timer    uint32             `cbor:"6,keyasint,omitempty"`
	Activity int64              `cbor:"7,keyasint,omitempty"` // Unix seconds, to the day
	Ask      []string           `cbor:"8,keyasint,omitempty"`
	Pinned   bool               `cbor:"9,keyasint,omitempty"`
	Archived bool               `cbor:"10,keyasint,omitempty"`
}

// sealed is a state as the server has it.
type sealed struct {
	Version    uint8            `cbor:"1,keyasint"`
	Counter    uint64           `cbor:"2,keyasint"`
	Device     account.DeviceID `cbor:"3,keyasint"` // that made it
	Keys       []sealedKey      `cbor:"4,keyasint"`
	Ciphertext []byte           `cbor:"5,keyasint"` // AES-256-GCM under a key of its own, nonce zero
	Signature  []byte           `cbor:"6,keyasint"` // by the device, over all that is before
}

// sealedKey is the ciphertext's key, sealed to a device, or to the recovery key if the
// device is zero.
type sealedKey struct {
	Device account.DeviceID `cbor:"1,keyasint"`
	Key    []byte           `cbor:"2,keyasint"`
}

func (s sealed) signedBytes() ([]byte, error) {
	s.Signature = nil
	b, err := dcbor.Marshal(s)
	return append([]byte(info+"/signature"), b...), err
}

// Encode encodes a state. Conversations that do not fit are left out, the oldest first.
func Encode(s State) ([]byte, error) {
	s.Version = version
	for {
		b, err := dcbor.Marshal(s)
		if err != nil || len(b) <= MaxState {
			return b, err
		}
		if len(s.Chats) == 0 {
			return nil, errors.New("client: there are more contacts than the server keeps for the recovery")
		}
		s.Chats = s.Chats[:len(s.Chats)*9/10]
	}
}

// Seal seals an encoded state for an account: to its recovery key and its devices.
func Seal(encoded []byte, counter uint64, chain *account.Chain, recovery hpke.PublicKey, device account.DeviceID, key ed25519.PrivateKey) ([]byte, error) {
	secret := make([]byte, keySize)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	defer clear(secret)
	out := sealed{Version: version, Counter: counter, Device: device}
	add := func(to hpke.PublicKey, device account.DeviceID) error {
		b, err := hpke.Seal(to, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(info), secret)
		out.Keys = append(out.Keys, sealedKey{device, b})
		return err
	}
	if err := add(recovery, account.DeviceID{}); err != nil {
		return nil, fmt.Errorf("client: sealing: %w", err)
	}
	for _, d := range chain.Devices() {
		to, err := d.MailboxKey.HPKE()
		if err == nil {
			err = add(to, d.ID())
		}
		if err != nil {
			return nil, fmt.Errorf("client: sealing: %w", err)
		}
	}
	aead, err := newAEAD(secret)
	if err != nil {
		return nil, err
	}
	n := lengthSize + len(encoded)
	plain := make([]byte, max(smallest, padme.Size(int64(n))))
	binary.BigEndian.PutUint32(plain, uint32(len(encoded)))
	copy(plain[lengthSize:], encoded)
	out.Ciphertext = aead.Seal(nil, make([]byte, aead.NonceSize()), plain, associated(counter, chain.Address()))
	signed, err := out.signedBytes()
	if err != nil {
		return nil, err
	}
	out.Signature = ed25519.Sign(key, signed)
	b, err := dcbor.Marshal(out)
	if err == nil && len(b) > protocol.MaxRecovery {
		err = errors.New("client: the list of conversations is longer than the server keeps for the recovery")
	}
	return b, err
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func associated(counter uint64, a account.Address) []byte {
	return append(binary.BigEndian.AppendUint64(nil, counter), a.String()...)
}

// Open opens a state with the key of a device, or with the recovery key's sealing key if
// device is zero. It is made by a device that the chain has or had. The error is ErrOpen.
func Open(b []byte, chain *account.Chain, device account.DeviceID, key hpke.PrivateKey) (encoded []byte, counter uint64, err error) {
	var in sealed
	if err := dcbor.Unmarshal(b, &in); err != nil || in.Version != version {
		return nil, 0, ErrOpen
	}
	signed, err := in.signedBytes()
	if err != nil || !signedByDevice(chain, in.Device, signed, in.Signature) {
		return nil, 0, ErrOpen
	}
	for _, k := range in.Keys {
		if k.Device != device {
			continue
		}
		secret, err := hpke.Open(key, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(info), k.Key)
		if err != nil || len(secret) != keySize {
			return nil, 0, ErrOpen
		}
		aead, err := newAEAD(secret)
		if err != nil {
			return nil, 0, err
		}
		plain, err := aead.Open(nil, make([]byte, aead.NonceSize()), in.Ciphertext, associated(in.Counter, chain.Address()))
		if err != nil || len(plain) < lengthSize {
			return nil, 0, ErrOpen
		}
		n := binary.BigEndian.Uint32(plain)
		if uint64(n) > uint64(len(plain)-lengthSize) {
			return nil, 0, ErrOpen
		}
		return plain[lengthSize : lengthSize+n], in.Counter, nil
	}
	return nil, 0, ErrOpen
}

// signedByDevice reports whether a device of the account, of now or before, signed
// something. A revoked device's state is the account's if nothing newer was made since.
func signedByDevice(chain *account.Chain, device account.DeviceID, signed, signature []byte) bool {
	known := func(r account.DeviceRecord) bool { return r.ID == device }
	if !slices.ContainsFunc(chain.State().History(), known) {
		return false
	}
	for _, statement := range chain.Statements() {
		u, err := account.ParseStatement(statement)
		if err != nil {
			return false
		}
		var d account.Device
		switch content := u.Content.(type) {
		case account.CreateContent:
			d = content.Device
		case account.AddDevice:
			d = content.Device
		case account.ResetRequest:
			d = content.Device
		default:
			continue
		}
		if d.ID() == device {
			return ed25519.Verify(d.SignatureKey[:], signed, signature)
		}
	}
	return false
}

// Decode reads an encoded state.
func Decode(b []byte) (s State, err error) {
	if err := dcbor.Unmarshal(b, &s); err != nil || s.Version != version {
		return State{}, ErrOpen
	}
	return s, nil
}

// ContactOf returns what a state has of a contact.
func ContactOf(rec records.Contact) Contact {
	return Contact{
		Address: rec.Address, Name: rec.Name, Profile: rec.Profile, Verified: rec.Verified, VerifiedProfile: rec.VerifiedProfile, Known: rec.Known, Blocked: rec.Blocked,
	}
}
