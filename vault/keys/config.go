// SPDX-License-Identifier: AGPL-3.0-or-later

package keys

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// Sizes in bytes.
const (
	ConfigSize    = 4096
	PublicKeySize = 1216 // X-Wing
	SealedSize    = 1168 // 32 bytes sealed by HPKE with X-Wing: 1120 + 32 + 16
	secretSize    = 32
)

var configMagic = [8]byte{'S', 'C', 'V', 'A', 'U', 'L', 'T', '1'}

var (
	// ErrFormat reports bytes that are not of the expected format.
	ErrFormat = errors.New("keys: not a valid object of a vault")
	// ErrKey reports a key that does not open the vault.
	ErrKey = errors.New("keys: this key does not open the vault")
	// ErrNoRoot reports an epoch whose root this device was not given.
	ErrNoRoot = errors.New("keys: this device was not given the newest key of the vault")
	// ErrForged reports keys of a vault that its recovery key did not vouch for.
	ErrForged = errors.New("keys: the keys of this vault were not made by the owner of its recovery key")
)

// VaultID names a vault: 32 random bytes.
type VaultID [32]byte

// String returns the identifier in hexadecimal digits.
func (id VaultID) String() string { return hex.EncodeToString(id[:]) }

// Config is what a vault says of itself in clear. It never changes, and its hash
// goes into every key, so that an altered one opens nothing.
type Config struct {
	Version uint8   `cbor:"1,keyasint"`
	ID      VaultID `cbor:"2,keyasint"`
	// RecoverySignature and RecoveryKEM are the public halves of the recovery
	// key's pairs for this vault: Ed25519 and X-Wing. They tell nothing of the
	// account, since the vault's identifier goes into their derivation.
	RecoverySignature []byte `cbor:"3,keyasint"`
	RecoveryKEM       []byte `cbor:"4,keyasint"`
}

const configVersion = 1

// Recovery is what a recovery key yields for one vault.
type Recovery struct {
	Signature ed25519.PrivateKey
	KEM       hpke.PrivateKey
}

// DeriveRecovery returns the recovery key's pairs for a vault.
func DeriveRecovery(secret account.RecoverySecret, id VaultID) (*Recovery, error) {
	private, err := secret.PrivateKey()
	if err != nil {
		return nil, err
	}
	seed := private.Seed()
	defer clear(seed)
	signature, err := hkdf.Key(sha256.New, seed, id[:], "securecrypt/v1/vault/recovery-signature", ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	kem, err := hkdf.Key(sha256.New, seed, id[:], "securecrypt/v1/vault/recovery-kem", secretSize)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	private2, err := hpke.MLKEM768X25519().NewPrivateKey(kem)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return &Recovery{ed25519.NewKeyFromSeed(signature), private2}, nil
}

// NewConfig makes the configuration of a new vault for the holder of secret.
func NewConfig(secret account.RecoverySecret) (*Config, *Recovery, error) {
	c := &Config{Version: configVersion}
	_, _ = rand.Read(c.ID[:]) // it never fails
	r, err := DeriveRecovery(secret, c.ID)
	if err != nil {
		return nil, nil, err
	}
	c.RecoverySignature = r.Signature.Public().(ed25519.PublicKey)
	c.RecoveryKEM = r.KEM.PublicKey().Bytes()
	return c, r, nil
}

// Encode returns the object "config": ConfigSize bytes, of which the first eight
// are the magic, the next four the length of the CBOR that follows, and the rest
// zeros.
func (c *Config) Encode() ([]byte, error) {
	body, err := dcbor.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return frame(configMagic, body, ConfigSize)
}

// frame returns magic, the length of body, body and zeros, size bytes in all.
func frame(magic [8]byte, body []byte, size int) ([]byte, error) {
	if len(magic)+4+len(body) > size {
		return nil, fmt.Errorf("%w: %d bytes are too many", ErrFormat, len(body))
	}
	b := make([]byte, size)
	copy(b, magic[:])
	binary.BigEndian.PutUint32(b[8:], uint32(len(body)))
	copy(b[12:], body)
	return b, nil
}

// unframe is the inverse of frame.
func unframe(magic [8]byte, b []byte) ([]byte, error) {
	if len(b) < 12 || [8]byte(b) != magic {
		return nil, ErrFormat
	}
	n := binary.BigEndian.Uint32(b[8:])
	if uint64(n) > uint64(len(b)-12) {
		return nil, ErrFormat
	}
	for _, x := range b[12+n:] {
		if x != 0 {
			return nil, ErrFormat
		}
	}
	return b[12 : 12+n], nil
}

// ParseConfig decodes the object "config".
func ParseConfig(b []byte) (*Config, error) {
	if len(b) != ConfigSize {
		return nil, fmt.Errorf("%w: the configuration has %d bytes, not %d", ErrFormat, len(b), ConfigSize)
	}
	body, err := unframe(configMagic, b)
	if err != nil {
		return nil, err
	}
	var c Config
	if err := dcbor.Unmarshal(body, &c); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if c.Version != configVersion {
		return nil, fmt.Errorf("%w: a newer version of securecrypt made this vault: update the program", ErrFormat)
	}
	if len(c.RecoverySignature) != ed25519.PublicKeySize || len(c.RecoveryKEM) != PublicKeySize {
		return nil, ErrFormat
	}
	return &c, nil
}

// Hash returns the SHA-256 of the object "config".
func (c *Config) Hash() ([32]byte, error) {
	b, err := c.Encode()
	return sha256.Sum256(b), err
}
