// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/securecrypt/securecrypt/internal/codec/crockford"
)

// Sizes of a recovery secret.
const (
	// RecoverySecretSize is in bytes: 160 random bits.
	RecoverySecretSize = 20
	// recoveryChecksumLength is in characters: 20 bits, so that one slip in a
	// million goes unnoticed.
	recoveryChecksumLength = 4
	recoveryTextLength     = RecoverySecretSize*8/5 + recoveryChecksumLength
	// maxRecoveryText bounds what ParseRecoverySecret looks at, hyphens and
	// spaces included.
	maxRecoveryText = 256
)

const (
	recoveryKeyInfo         = "SecureCrypt recovery signature key v1"
	recoveryChecksumContext = "SecureCrypt recovery secret checksum v1\x00"
	redacted                = "recovery-secret:redacted"
)

var (
	// ErrRecoveryText reports text that is not a recovery secret, or one with a
	// slip of the pen. It never repeats the text.
	ErrRecoveryText = errors.New("account: not a recovery key: check each character")
	// ErrNoSecret reports the use of a zero or erased RecoverySecret.
	ErrNoSecret = errors.New("account: the recovery secret is empty or erased")
)

// RecoverySecret is what a person writes down to come back to an account after
// losing every device. Printing or logging it shows nothing; Reveal does. The
// copies of a RecoverySecret share their memory, so that Erase empties all.
type RecoverySecret struct {
	// fmt bypasses methods for unexported fields of other structs and looks
	// through one pointer; through two it does not.
	p **[RecoverySecretSize]byte
}

func newRecoverySecret(b *[RecoverySecretSize]byte) RecoverySecret { return RecoverySecret{&b} }

// bytes returns nil for an empty or erased secret.
func (s RecoverySecret) bytes() *[RecoverySecretSize]byte {
	if s.p == nil || **s.p == [RecoverySecretSize]byte{} {
		return nil
	}
	return *s.p
}

// NewRecoverySecret takes a secret from rand.
func NewRecoverySecret(rand io.Reader) (RecoverySecret, error) {
	b := new([RecoverySecretSize]byte)
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return RecoverySecret{}, fmt.Errorf("account: reading randomness: %w", err)
	}
	return newRecoverySecret(b), nil
}

// ParseRecoverySecret reads what Reveal returns, as people write it: in either
// case, with any hyphens and spaces, with o for 0 and i or l for 1.
func ParseRecoverySecret(text string) (RecoverySecret, error) {
	if len(text) > maxRecoveryText {
		return RecoverySecret{}, ErrRecoveryText
	}
	clean := crockford.Clean(text)
	if len(clean) != recoveryTextLength {
		return RecoverySecret{}, ErrRecoveryText
	}
	secret, checksum := clean[:recoveryTextLength-recoveryChecksumLength], clean[recoveryTextLength-recoveryChecksumLength:]
	b := new([RecoverySecretSize]byte)
	if _, err := crockford.Encoding.Decode(b[:], secret); err != nil {
		return RecoverySecret{}, ErrRecoveryText
	}
	if subtle.ConstantTimeCompare(checksum, []byte(recoveryChecksum(b))) != 1 {
		return RecoverySecret{}, ErrRecoveryText
	}
	return newRecoverySecret(b), nil
}

// Reveal returns the secret as text to write down: nine groups of four
// characters. It is empty for an empty or erased
// secret.
func (s RecoverySecret) Reveal() string {
	b := s.bytes()
	if b == nil {
		return ""
	}
	return strings.ToUpper(crockford.Group(crockford.Encoding.EncodeToString(b[:])+recoveryChecksum(b), 4))
}

// PrivateKey returns the recovery key pair: Ed25519 from an HKDF-SHA-256 of the
// secret.
func (s RecoverySecret) PrivateKey() (ed25519.PrivateKey, error) {
	b := s.bytes()
	if b == nil {
		return nil, ErrNoSecret
	}
	seed, err := hkdf.Key(sha256.New, b[:], nil, recoveryKeyInfo, ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("account: deriving the recovery key: %w", err)
	}
	defer clear(seed)
	return ed25519.NewKeyFromSeed(seed), nil
}

// Equal compares in constant time. Empty secrets equal nothing.
// PublicKey returns the recovery key, which account chains show. The error is
// ErrNoSecret.
func (s RecoverySecret) PublicKey() (RecoveryKey, error) {
	private, err := s.PrivateKey()
	if err != nil {
		return RecoveryKey{}, err
	}
	return RecoveryKey(private.Public().(ed25519.PublicKey)), nil
}

func (s RecoverySecret) Equal(t RecoverySecret) bool {
	a, b := s.bytes(), t.bytes()
	return a != nil && b != nil && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// Erase overwrites the secret, in all its copies.
func (s RecoverySecret) Erase() {
	if b := s.bytes(); b != nil {
		clear(b[:])
	}
}

// String does not show the secret.
func (RecoverySecret) String() string { return redacted }

// GoString does not show the secret.
func (RecoverySecret) GoString() string { return redacted }

// Format does not show the secret, whatever the verb.
func (RecoverySecret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

func recoveryChecksum(b *[RecoverySecretSize]byte) string {
	sum := sha256.Sum256(append([]byte(recoveryChecksumContext), b[:]...))
	return crockford.Encoding.EncodeToString(sum[:])[:recoveryChecksumLength]
}
