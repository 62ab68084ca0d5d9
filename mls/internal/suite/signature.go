// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
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

func (s Scheme) curve() (elliptic.Curve, crypto.Hash) {
	switch s {
	case ECDSAP256:
		return elliptic.P256(), crypto.SHA256
	case ECDSAP384:
		return elliptic.P384(), crypto.SHA384
	case ECDSAP521:
		return elliptic.P521(), crypto.SHA512
	default:
		return nil, 0
	}
}

// VerifyKey is a parsed public signature key.
type VerifyKey struct {
	ed   ed25519.PublicKey
	ec   *ecdsa.PublicKey
	hash crypto.Hash
}

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
	curve, hash := s.curve()
	if curve == nil {
		return VerifyKey{}, ErrUnsupported
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curve, b)
	if err != nil {
		return VerifyKey{}, errKey
	}
	return VerifyKey{ec: key, hash: hash}, nil
}

func (k VerifyKey) verify(message, signature []byte) bool {
	switch {
	case k.ed != nil:
		return ed25519.Verify(k.ed, message, signature)
	case k.ec != nil:
		h := k.hash.New()
		h.Write(message)
		return ecdsa.VerifyASN1(k.ec, h.Sum(nil), signature)
	default:
		return false
	}
}

// SigningKey is a signature key pair. It prints as a placeholder.
type SigningKey struct {
	Scheme Scheme
	Public []byte
	ed     ed25519.PrivateKey
	ec     *ecdsa.PrivateKey
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
	curve, _ := s.curve()
	if curve == nil {
		return nil, ErrUnsupported
	}
	key, err := ecdsa.GenerateKey(curve, random)
	if err != nil {
		return nil, err
	}
	raw, err := key.Bytes()
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
	curve, _ := s.curve()
	if curve == nil {
		return nil, ErrUnsupported
	}
	size := (curve.Params().BitSize + 7) / 8
	if len(raw) > size {
		return nil, errKey
	}
	padded := make([]byte, size) // some writers drop leading zeros
	copy(padded[size-len(raw):], raw)
	key, err := ecdsa.ParseRawPrivateKey(curve, padded)
	if err != nil {
		return nil, errKey
	}
	public, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, errKey
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
	raw, err := k.ec.Bytes()
	if err != nil {
		panic("mls: " + err.Error()) // an imported key always encodes
	}
	return raw
}

func (k *SigningKey) sign(message []byte) ([]byte, error) {
	if k.ed != nil {
		return ed25519.Sign(k.ed, message), nil
	}
	_, hash := k.Scheme.curve()
	h := hash.New()
	h.Write(message)
	return k.ec.Sign(nil, h.Sum(nil), hash) // deterministic, RFC 6979
}

// String redacts the key.
func (*SigningKey) String() string { return redacted }

// GoString redacts the key.
func (*SigningKey) GoString() string { return redacted }
