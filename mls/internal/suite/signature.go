// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
)

// Scheme is a signature scheme, with the code points of TLS 1.3.
type Scheme uint16

// The signature schemes in use.
const (
	Ed25519   Scheme = 0x0807
	ECDSAP256 Scheme = 0x0403
	ECDSAP384 Scheme = 0x0503
	ECDSAP521 Scheme = 0x0603
)

var errKey = errors.New("mls: malformed signature key")

// VerifyKey is a parsed public signature key.
type VerifyKey struct {
	ed ed25519.PublicKey
	ec ecdsaVerifier
}

// An ecdsaVerifier and an ecdsaSigner are keys of the curves of NIST.
type (
	ecdsaVerifier interface {
		verify(message, signature []byte) bool
	}
	ecdsaSigner interface {
		sign(message []byte) ([]byte, error)
		raw() []byte
	}
)

// VerifyKey parses a public signature key of the suite.
func (s *Suite) VerifyKey(b []byte) (VerifyKey, error) { return s.Scheme.VerifyKey(b) }

// VerifyKey parses a public signature key.
func (s Scheme) VerifyKey(b []byte) (VerifyKey, error) {
	if s == Ed25519 {
		if len(b) != ed25519.PublicKeySize {
			return VerifyKey{}, errKey
		}
		return VerifyKey{ed: b}, nil
	}
	key, err := parseECDSA(s, b)
	return VerifyKey{ec: key}, err
}

func (k VerifyKey) verify(message, signature []byte) bool {
	switch {
	case k.ed != nil:
		return ed25519.Verify(k.ed, message, signature)
	case k.ec != nil:
		return k.ec.verify(message, signature)
	default:
		return false
	}
}

// SigningKey is a signature key pair. It prints as a placeholder.
type SigningKey struct {
	Scheme Scheme
	Public []byte
	ed     ed25519.PrivateKey
	ec     ecdsaSigner
}

// NewSigningKey draws a key pair.
func NewSigningKey(s Scheme, random io.Reader) (*SigningKey, error) {
	if s == Ed25519 {
		seed := make([]byte, ed25519.SeedSize)
		if _, err := io.ReadFull(random, seed); err != nil {
			return nil, err
		}
		return ImportSigningKey(s, seed)
	}
	raw, err := generateECDSA(s, random)
	if err != nil {
		return nil, err
	}
	return ImportSigningKey(s, raw)
}

// ImportSigningKey takes over an Ed25519 seed or private key or an ECDSA scalar.
func ImportSigningKey(s Scheme, raw []byte) (*SigningKey, error) {
	if s == Ed25519 {
		return importEd25519(raw)
	}
	key, public, err := importECDSA(s, raw)
	if err != nil {
		return nil, err
	}
	return &SigningKey{Scheme: s, Public: public, ec: key}, nil
}

func importEd25519(raw []byte) (*SigningKey, error) {
	if len(raw) != ed25519.SeedSize && len(raw) != ed25519.PrivateKeySize {
		return nil, errKey
	}
	key := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if len(raw) == ed25519.PrivateKeySize && !bytes.Equal(key, raw) {
		return nil, errKey
	}
	return &SigningKey{Scheme: Ed25519, Public: key.Public().(ed25519.PublicKey), ed: key}, nil
}

// Bytes returns the raw private key.
func (k *SigningKey) Bytes() Secret {
	if k.ed != nil {
		return Secret(k.ed.Seed())
	}
	return k.ec.raw()
}

func (k *SigningKey) sign(message []byte) ([]byte, error) {
	if k.ed != nil {
		return ed25519.Sign(k.ed, message), nil
	}
	return k.ec.sign(message)
}

// String redacts the key.
func (*SigningKey) String() string { return redacted }

// GoString redacts the key.
func (*SigningKey) GoString() string { return redacted }
