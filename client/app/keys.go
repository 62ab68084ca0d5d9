// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

const keyFileVersion = 1

// keyFile lies beside the store and holds its key, sealed.
type keyFile struct {
	Version uint64 `cbor:"1,keyasint"`
	// Host is the account's server.
	Host string `cbor:"2,keyasint"`
	// Device is the key, sealed by the device. It is empty if there is a passphrase.
	Device []byte `cbor:"3,keyasint"`
	// Slot is the key, sealed by the passphrase; Duress is another one, sealed by
	// the passphrase of duress or, if there is none, by nothing: the file does not
	// tell.
	Slot   []byte `cbor:"4,keyasint"`
	Duress []byte `cbor:"5,keyasint"`
	// Unmade means that the store of this key has yet to be made. What lies in
	// its place is of another.
	Unmade bool `cbor:"6,keyasint,omitempty"`
	// Linking means that the store is of a device that may not have become its account's;
	// Host is not known yet.
	Linking bool `cbor:"7,keyasint,omitempty"`
}

func newKeys(ctx context.Context, p Platform, key keyring.StoreKey, host, passphrase string) (*keyFile, error) {
	f := &keyFile{Version: keyFileVersion, Host: host}
	var err error
	if passphrase == "" {
		f.Device, err = p.Seal(ctx, key[:])
		return f, err
	}
	if f.Slot, err = keyring.Seal(key, []byte(passphrase)); err != nil {
		return nil, err
	}
	f.Duress, err = keyring.NoneBeside(f.Slot)
	return f, err
}

// withDuress returns the file with another passphrase of duress, or without one.
func (f *keyFile) withDuress(passphrase string) (*keyFile, error) {
	next := *f
	var err error
	if passphrase == "" {
		next.Duress, err = keyring.NoneBeside(f.Slot)
		return &next, err
	}
	next.Duress, err = keyring.SealBeside(f.Slot, keyring.NewStoreKey(), []byte(passphrase))
	return &next, err
}

// withOnlyDuressKey returns a key file that opens with the second passphrase
// only.
func (f *keyFile) withOnlyDuressKey() (*keyFile, error) {
	next := &keyFile{Version: keyFileVersion, Host: f.Host, Slot: f.Duress}
	var err error
	next.Duress, err = keyring.NoneBeside(next.Slot)
	return next, err
}

// as returns the file of a store that has yet to be made, or is.
func (f *keyFile) as(made bool) *keyFile {
	next := *f
	next.Unmade = !made
	return &next
}

// linkedAt returns the file of a device that became an account's at a server. The key of
// the device seals one file alone.
func (f *keyFile) linkedAt(ctx context.Context, p Platform, key keyring.StoreKey, host string) (*keyFile, error) {
	next := *f
	next.Host, next.Linking = host, false
	var err error
	if !next.protected() {
		next.Device, err = p.Seal(ctx, key[:])
	}
	return &next, err
}

func (f *keyFile) protected() bool { return len(f.Slot) > 0 }

// unseal returns the key of a file without a passphrase.
func (f *keyFile) unseal(ctx context.Context, p Platform) (key keyring.StoreKey, err error) {
	plain, err := p.Unseal(ctx, f.Device)
	if err != nil {
		return key, err
	}
	if len(plain) != len(key) {
		return key, errKeys
	}
	copy(key[:], plain)
	clear(plain)
	return key, nil
}

// open returns the key that a passphrase opens, and whether it is that of
// duress: nobody can tell by the time that it takes.
func (f *keyFile) open(passphrase string) (key keyring.StoreKey, duress bool, err error) {
	key, which, err := keyring.OpenAny([]byte(passphrase), f.Slot, f.Duress)
	return key, which == 1, err
}

var errKeys = errors.New("the key of this profile is damaged, or was made by a newer version: update this one")

func decodeKeys(b []byte) (*keyFile, error) {
	var f keyFile
	if err := dcbor.Unmarshal(b, &f); err != nil || f.Version != keyFileVersion || len(f.Slot) == 0 && len(f.Device) == 0 {
		return nil, errKeys
	}
	return &f, nil
}

func (f *keyFile) encode() ([]byte, error) {
	b, err := dcbor.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("app: %w", err)
	}
	return b, nil
}
