// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Sizes of keys and identifiers in bytes.
const (
	SignatureKeySize = ed25519.PublicKeySize
	RecoveryKeySize  = ed25519.PublicKeySize
	MailboxKeySize   = 1216 // X-Wing: ML-KEM-768 (1184) and X25519 (32)
	DeviceIDSize     = 16
)

// ErrKey reports bytes or text that are not a key or identifier of the wanted
// kind. It never repeats them.
var ErrKey = errors.New("account: not a valid key")

// Prefixes of text forms: they keep one kind from being taken for another.
const (
	deviceIDPrefix     = "device:"
	signatureKeyPrefix = "sigkey:"
	recoveryKeyPrefix  = "recoverykey:"
	mailboxKeyPrefix   = "mailboxkey:"
	headPrefix         = "head:"
)

// SignatureKey is a device's Ed25519 public key: it signs statements, answers
// the server's challenge and stands in the device's MLS leaves.
type SignatureKey [SignatureKeySize]byte

// NewSignatureKey returns pub as a device's signature key.
func NewSignatureKey(pub ed25519.PublicKey) (SignatureKey, error) {
	if len(pub) != SignatureKeySize {
		return SignatureKey{}, fmt.Errorf("%w: a signature key has %d bytes", ErrKey, SignatureKeySize)
	}
	return SignatureKey(pub), nil
}

// Ed25519 returns the key for use with crypto/ed25519.
func (k SignatureKey) Ed25519() ed25519.PublicKey { return k[:] }

// ID returns the identifier of the device that holds the key.
func (k SignatureKey) ID() DeviceID {
	sum := sha256.Sum256(k[:])
	return DeviceID(sum[:DeviceIDSize])
}

// String returns the key's text form.
func (k SignatureKey) String() string { return signatureKeyPrefix + hex.EncodeToString(k[:]) }

// MarshalText implements encoding.TextMarshaler.
func (k SignatureKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *SignatureKey) UnmarshalText(b []byte) error { return parseHex(k[:], signatureKeyPrefix, b) }

// RecoveryKey is the Ed25519 public key of a recovery secret.
type RecoveryKey [RecoveryKeySize]byte

// NewRecoveryKey returns pub as a recovery key.
func NewRecoveryKey(pub ed25519.PublicKey) (RecoveryKey, error) {
	if len(pub) != RecoveryKeySize {
		return RecoveryKey{}, fmt.Errorf("%w: a recovery key has %d bytes", ErrKey, RecoveryKeySize)
	}
	return RecoveryKey(pub), nil
}

// Ed25519 returns the key for use with crypto/ed25519.
func (k RecoveryKey) Ed25519() ed25519.PublicKey { return k[:] }

// String returns the key's text form.
func (k RecoveryKey) String() string { return recoveryKeyPrefix + hex.EncodeToString(k[:]) }

// MarshalText implements encoding.TextMarshaler.
func (k RecoveryKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *RecoveryKey) UnmarshalText(b []byte) error { return parseHex(k[:], recoveryKeyPrefix, b) }

// MailboxKey is a device's X-Wing public key (HPKE KEM 0x647a), to which
// letters are sealed.
type MailboxKey [MailboxKeySize]byte

// NewMailboxKey returns b as a mailbox key if letters can be sealed to it.
func NewMailboxKey(b []byte) (MailboxKey, error) {
	if len(b) != MailboxKeySize {
		return MailboxKey{}, fmt.Errorf("%w: a mailbox key has %d bytes", ErrKey, MailboxKeySize)
	}
	k := MailboxKey(b)
	_, err := k.HPKE()
	return k, err
}

// HPKE returns the key for use with crypto/hpke. It fails only for a key that
// did not come from NewMailboxKey or a Chain.
func (k MailboxKey) HPKE() (hpke.PublicKey, error) {
	pub, err := hpke.MLKEM768X25519().NewPublicKey(k[:])
	if err != nil {
		return nil, fmt.Errorf("%w: not an X-Wing key", ErrKey)
	}
	return pub, nil
}

// String returns the key's fingerprint; the key itself is too long to read.
func (k MailboxKey) String() string {
	sum := sha256.Sum256(k[:])
	return mailboxKeyPrefix + hex.EncodeToString(sum[:8])
}

// DeviceID names a device: the first 16 bytes of the SHA-256 of its signature
// key.
type DeviceID [DeviceIDSize]byte

// ParseDeviceID reads what String returns.
func ParseDeviceID(s string) (DeviceID, error) {
	var id DeviceID
	err := id.UnmarshalText([]byte(s))
	return id, err
}

// String returns the identifier's text form: device: and 32 hex digits.
func (id DeviceID) String() string { return deviceIDPrefix + hex.EncodeToString(id[:]) }

// MarshalText implements encoding.TextMarshaler.
func (id DeviceID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *DeviceID) UnmarshalText(b []byte) error { return parseHex(id[:], deviceIDPrefix, b) }

// Device is one device of an account.
type Device struct {
	SignatureKey SignatureKey
	MailboxKey   MailboxKey
}

// ID returns the device's identifier.
func (d Device) ID() DeviceID { return d.SignatureKey.ID() }

// Head identifies a chain up to a statement: the hash of that statement, which
// carries the hash of the one before.
type Head [sha256.Size]byte

// ParseHead reads what String returns.
func ParseHead(s string) (Head, error) {
	var h Head
	err := h.UnmarshalText([]byte(s))
	return h, err
}

// String returns the head's text form.
func (h Head) String() string { return headPrefix + hex.EncodeToString(h[:]) }

// MarshalText implements encoding.TextMarshaler.
func (h Head) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Head) UnmarshalText(b []byte) error { return parseHex(h[:], headPrefix, b) }

// parseHex reads prefix and exactly len(dst) bytes in lower-case hex into dst,
// which it leaves alone on error.
func parseHex(dst []byte, prefix string, text []byte) error {
	digits, ok := strings.CutPrefix(string(text), prefix)
	b, err := hex.DecodeString(digits)
	if !ok || err != nil || len(b) != len(dst) || hex.EncodeToString(b) != digits {
		return fmt.Errorf("%w: expected %q and %d hex digits in lower case", ErrKey, prefix, 2*len(dst))
	}
	copy(dst, b)
	return nil
}
