// SPDX-License-Identifier: AGPL-3.0-or-later

// Package keyring seals the key of a client's store with a passphrase
// (Argon2id, RFC 9106), so that it can lie beside the store.
//
// It is not for keys of conversations or of the account: those lie in the
// store, sealed by the store key.
package keyring

import (
	"crypto/rand"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// A StoreKey seals everything that a client keeps. It never leaves the
// device.
type StoreKey [32]byte

// String redacts the key.
func (StoreKey) String() string { return "store key (secret)" }

// GoString redacts the key.
func (k StoreKey) GoString() string { return k.String() }

// NewStoreKey returns a random key.
func NewStoreKey() StoreKey {
	var k StoreKey
	_, _ = rand.Read(k[:]) // never fails, see its documentation
	return k
}

// ErrPassphrase means that the passphrase is not the one that the key was
// sealed with, or that the sealed key was changed.
var ErrPassphrase = errors.New("keyring: wrong passphrase: try again")

// ErrFormat means that the bytes are not a sealed key that this version
// reads.
var ErrFormat = errors.New("keyring: not a sealed store key")

// The second recommendation of RFC 9106, Section 4: 3 passes over 64 MiB.
const (
	passes  = 3
	memory  = 64 << 10 // KiB
	threads = 4
)

// Bounds on what a file may demand, so that a tampered one cannot exhaust the
// machine.
const (
	maxPasses = 16
	maxMemory = 1 << 20 // KiB
)

const associatedData = "securecrypt/v1/store-key"

type sealedKey struct {
	Version uint8    `cbor:"1,keyasint"`
	Passes  uint32   `cbor:"2,keyasint"`
	Memory  uint32   `cbor:"3,keyasint"` // KiB
	Threads uint8    `cbor:"4,keyasint"`
	Salt    [16]byte `cbor:"5,keyasint"`
	Nonce   [24]byte `cbor:"6,keyasint"`
	Box     []byte   `cbor:"7,keyasint"`
}

// Seal returns key, sealed with passphrase.
func Seal(key StoreKey, passphrase []byte) ([]byte, error) {
	s := sealedKey{Version: 1, Passes: passes, Memory: memory, Threads: threads}
	_, _ = rand.Read(s.Salt[:])
	return s.seal(key, passphrase)
}

// SealBeside returns key, sealed so that one derivation serves it and what was
// sealed before (OpenAny).
func SealBeside(before []byte, key StoreKey, passphrase []byte) ([]byte, error) {
	s, err := parse(before)
	if err != nil {
		return nil, err
	}
	return s.seal(key, passphrase)
}

// NoneBeside returns what looks like the result of SealBeside, and opens with
// no passphrase.
func NoneBeside(before []byte) ([]byte, error) {
	s, err := parse(before)
	if err != nil {
		return nil, err
	}
	_, _ = rand.Read(s.Nonce[:])
	s.Box = make([]byte, len(StoreKey{})+chacha20poly1305.Overhead)
	_, _ = rand.Read(s.Box)
	return dcbor.Marshal(s)
}

// Open is the inverse of Seal. The error is ErrPassphrase or ErrFormat.
func Open(sealed, passphrase []byte) (StoreKey, error) {
	key, _, err := OpenAny(passphrase, sealed)
	return key, err
}

// OpenAny opens whichever of some sealed keys the passphrase opens, and tells
// which. It takes as long for each as for none, if all were sealed beside the
// first. The error is ErrPassphrase or ErrFormat.
func OpenAny(passphrase []byte, sealed ...[]byte) (key StoreKey, which int, err error) {
	derived := map[cost][]byte{}
	err = ErrPassphrase
	for i, b := range sealed {
		s, bad := parse(b)
		if bad != nil {
			err = bad // another one may open
			continue
		}
		if derived[s.cost()] == nil {
			derived[s.cost()] = s.derive(passphrase)
		}
		if key, wrong := s.open(derived[s.cost()]); wrong == nil {
			return key, i, nil
		}
	}
	return StoreKey{}, 0, err
}

func (s sealedKey) seal(key StoreKey, passphrase []byte) ([]byte, error) {
	_, _ = rand.Read(s.Nonce[:])
	aead, err := chacha20poly1305.NewX(s.derive(passphrase))
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	s.Box = aead.Seal(nil, s.Nonce[:], key[:], []byte(associatedData))
	return dcbor.Marshal(s)
}

func (s *sealedKey) open(derived []byte) (StoreKey, error) {
	aead, err := chacha20poly1305.NewX(derived)
	if err != nil {
		return StoreKey{}, fmt.Errorf("keyring: %w", err)
	}
	key, err := aead.Open(nil, s.Nonce[:], s.Box, []byte(associatedData))
	if err != nil || len(key) != len(StoreKey{}) {
		return StoreKey{}, ErrPassphrase
	}
	return StoreKey(key), nil
}

// A cost is all that a derivation depends on, but for the passphrase.
type cost struct {
	passes, memory uint32
	threads        uint8
	salt           [16]byte
}

func (s *sealedKey) cost() cost { return cost{s.Passes, s.Memory, s.Threads, s.Salt} }

// parse decodes a sealed key and checks what it demands of the machine.
func parse(sealed []byte) (s sealedKey, err error) {
	if err := dcbor.Unmarshal(sealed, &s); err != nil {
		return sealedKey{}, ErrFormat
	}
	sound := s.Version == 1 && s.Passes >= 1 && s.Passes <= maxPasses &&
		s.Memory >= 8*uint32(s.Threads) && s.Memory <= maxMemory && s.Threads >= 1
	if !sound {
		return sealedKey{}, ErrFormat
	}
	return s, nil
}

func (s *sealedKey) derive(passphrase []byte) []byte {
	return argon2.IDKey(passphrase, s.Salt[:], s.Passes, s.Memory, s.Threads, chacha20poly1305.KeySize)
}
