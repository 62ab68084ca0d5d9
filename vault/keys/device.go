// SPDX-License-Identifier: AGPL-3.0-or-later

package keys

import (
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// DeviceID names a device of a vault: the first 16 bytes of the SHA-256 of its
// signature key.
type DeviceID [16]byte

// String returns the identifier in hexadecimal digits.
func (id DeviceID) String() string { return hex.EncodeToString(id[:]) }

// Device holds the private keys of a device.
type Device struct {
	Signature ed25519.PrivateKey
	KEM       hpke.PrivateKey
}

// NewDevice draws the keys of a device.
func NewDevice() (*Device, error) {
	var seeds [2 * secretSize]byte
	_, _ = rand.Read(seeds[:]) // it never fails
	return DeviceFromSeeds(seeds[:])
}

// DeviceSeedSize is the size in bytes of what DeviceFromSeeds takes.
const DeviceSeedSize = 2 * secretSize

// DeviceFromSeeds returns the keys of a device from their seeds, Ed25519 first.
func DeviceFromSeeds(seeds []byte) (*Device, error) {
	if len(seeds) != DeviceSeedSize {
		return nil, ErrFormat
	}
	kem, err := hpke.MLKEM768X25519().NewPrivateKey(seeds[secretSize:])
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return &Device{ed25519.NewKeyFromSeed(seeds[:secretSize]), kem}, nil
}

// Seeds returns what DeviceFromSeeds takes.
func (d *Device) Seeds() ([]byte, error) {
	kem, err := d.KEM.Bytes()
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return append(append([]byte{}, d.Signature.Seed()...), kem...), nil
}

// ID returns the device's identifier.
func (d *Device) ID() DeviceID { return IDOf(d.Signature.Public().(ed25519.PublicKey)) }

// IDOf returns the identifier of the device with a signature key.
func IDOf(key ed25519.PublicKey) DeviceID {
	sum := sha256.Sum256(key)
	return DeviceID(sum[:16])
}

// String does not show the secrets.
func (*Device) String() string { return "device:redacted" }

// GoString does not show the secrets.
func (*Device) GoString() string { return "device:redacted" }

// PublicDevice is what a device tells others of itself, so that one of them adds it
// to a vault.
type PublicDevice struct {
	Signature []byte `cbor:"1,keyasint"` // Ed25519
	KEM       []byte `cbor:"2,keyasint"` // X-Wing
	Name      string `cbor:"3,keyasint"`
}

// Public returns the device's public keys, with a name for people.
func (d *Device) Public(name string) *PublicDevice {
	return &PublicDevice{d.Signature.Public().(ed25519.PublicKey), d.KEM.PublicKey().Bytes(), name}
}

// ID returns the device's identifier.
func (p *PublicDevice) ID() DeviceID { return IDOf(p.Signature) }

const (
	publicPrefix   = "securecrypt-vault-device-"
	publicChecksum = 4
	maxPublicName  = 256
	maxPublicText  = 4096
)

// ErrPublicDevice reports a text that is not a device's.
var ErrPublicDevice = errors.New("keys: this is not the key of a device: copy the whole line that securecrypt vault device request printed, from securecrypt-vault-device- on")

// Text returns the keys as one line: the prefix, and in base64url their CBOR and the
// first four bytes of its SHA-256.
func (p *PublicDevice) Text() (string, error) {
	b, err := dcbor.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("keys: %w", err)
	}
	sum := sha256.Sum256(b)
	return publicPrefix + base64.RawURLEncoding.EncodeToString(append(b, sum[:publicChecksum]...)), nil
}

// ParsePublicDevice is the inverse of Text.
func ParsePublicDevice(text string) (*PublicDevice, error) {
	text, ok := strings.CutPrefix(strings.TrimSpace(text), publicPrefix)
	if !ok || len(text) > maxPublicText {
		return nil, ErrPublicDevice
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < publicChecksum {
		return nil, ErrPublicDevice
	}
	b, checksum := b[:len(b)-publicChecksum], b[len(b)-publicChecksum:]
	sum := sha256.Sum256(b)
	var p PublicDevice
	if string(sum[:publicChecksum]) != string(checksum) || dcbor.Unmarshal(b, &p) != nil {
		return nil, ErrPublicDevice
	}
	if len(p.Signature) != ed25519.PublicKeySize || len(p.Name) > maxPublicName {
		return nil, ErrPublicDevice
	}
	if _, err := ParseKEM(p.KEM); err != nil {
		return nil, ErrPublicDevice
	}
	return &p, nil
}

// ParseKEM decodes the public X-Wing key of a device.
func ParseKEM(b []byte) (hpke.PublicKey, error) {
	if len(b) != PublicKeySize {
		return nil, fmt.Errorf("%w: a key of %d bytes", ErrFormat, len(b))
	}
	key, err := hpke.MLKEM768X25519().NewPublicKey(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return key, nil
}

// JoinCode identifies a vault and the device that added another one to it: a device
// that is being added takes no other vault for the one that was meant.
func JoinCode(config [32]byte, adder ed25519.PublicKey) string {
	b := append([]byte("SecureCrypt vault join code v1\x00"), config[:]...)
	sum := sha256.Sum256(append(b, adder...))
	return hex.EncodeToString(sum[:16])
}

// SameCode reports whether a code that a person entered is the expected one.
func SameCode(entered, code string) bool {
	entered = strings.ToLower(strings.Join(strings.Fields(strings.ReplaceAll(entered, "-", "")), ""))
	return subtle.ConstantTimeCompare([]byte(entered), []byte(code)) == 1
}
