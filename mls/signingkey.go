// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"fmt"
	"io"

	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/tlsenc"
)

// SigningKey is a member's signature key pair. It prints and logs as a placeholder.
type SigningKey struct{ key *suite.SigningKey }

// NewSigningKey draws a signature key pair for suite. ECDSA keys may draw on the
// standard library's randomness beside rand.
func NewSigningKey(cs CipherSuite, rand io.Reader) (*SigningKey, error) {
	s, err := lookup(cs)
	if err != nil {
		return nil, err
	}
	if rand == nil {
		return nil, errNoRand
	}
	key, err := suite.NewSigningKey(s.Scheme, rand)
	if err != nil {
		return nil, err
	}
	return &SigningKey{key}, nil
}

// ImportSigningKey takes over a raw private key: an Ed25519 seed (32 bytes) or
// private key (64 bytes), or an ECDSA scalar.
func ImportSigningKey(cs CipherSuite, raw []byte) (*SigningKey, error) {
	s, err := lookup(cs)
	if err != nil {
		return nil, err
	}
	key, err := suite.ImportSigningKey(s.Scheme, raw)
	if err != nil {
		return nil, fmt.Errorf("%w: signature key", ErrMalformed)
	}
	return &SigningKey{key}, nil
}

// ParseSigningKey decodes what Bytes returned.
func ParseSigningKey(b []byte) (*SigningKey, error) {
	r := tlsenc.NewReader(b)
	if r.U8() != recordVersion {
		return nil, fmt.Errorf("%w: signature key", ErrMalformed)
	}
	key, err := readSigner(r)
	if err != nil || r.Done() != nil {
		return nil, fmt.Errorf("%w: signature key", ErrMalformed)
	}
	return &SigningKey{key}, nil
}

// Bytes encodes the key, private half included.
func (k *SigningKey) Bytes() []byte {
	var w tlsenc.Writer
	w.U8(recordVersion)
	writeSigner(&w, k.key)
	return w.Bytes()
}

func writeSigner(w *tlsenc.Writer, k *suite.SigningKey) {
	w.U16(uint16(k.Scheme))
	w.Opaque(k.Bytes())
}

func readSigner(r *tlsenc.Reader) (*suite.SigningKey, error) {
	scheme, raw := r.U16(), r.Opaque()
	if err := r.Err(); err != nil {
		return nil, err
	}
	return suite.ImportSigningKey(suite.Scheme(scheme), raw)
}

// Public returns the public half as leaves carry it.
func (k *SigningKey) Public() []byte { return append([]byte(nil), k.key.Public...) }

// String redacts the key.
func (k *SigningKey) String() string { return "mls.SigningKey[secret]" }

// GoString redacts the key.
func (k *SigningKey) GoString() string { return k.String() }
