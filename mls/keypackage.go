// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
	"github.com/securecrypt/securecrypt/mls/tlsenc"
)

// KeyPackageParams describes a key package to be made.
type KeyPackageParams struct {
	Suite          CipherSuite
	SigningKey     *SigningKey
	Credential     Credential
	Capabilities   Capabilities // zero: DefaultCapabilities
	Lifetime       Lifetime
	LeafExtensions []Extension
	Extensions     []Extension
	// LastResort marks the key package as one that may be used more than once
	// (draft-ietf-mls-extensions, last_resort_key_package).
	LastResort bool
	Rand       io.Reader
}

// KeyPackage lets others add a client to groups (RFC 9420, Section 10). It is
// immutable.
type KeyPackage struct {
	kp       *wire.KeyPackage
	suite    *suite.Suite
	verified atomic.Bool // by itself, without regard to its lifetime
}

// KeyPackagePrivate is the secret part of a key package. It must be deleted
// once a group was joined with it, unless the key package is a last resort.
type KeyPackagePrivate struct {
	init, encryption suite.Secret
	signer           *suite.SigningKey
}

// NewKeyPackage makes and signs a key package.
func NewKeyPackage(p KeyPackageParams) (*KeyPackage, *KeyPackagePrivate, error) {
	s, err := lookup(p.Suite)
	if err != nil {
		return nil, nil, err
	}
	if p.LastResort {
		if slices.ContainsFunc(p.Extensions, func(e Extension) bool { return e.Type == ExtensionAppDataDictionary }) {
			return nil, nil, fmt.Errorf("%w: last resort beside another app_data_dictionary", ErrUnsupported)
		}
	}
	leaf, encryption, err := newLeaf(s, p.Rand, leafParams{
		signer: p.SigningKey, credential: p.Credential, capabilities: p.Capabilities,
		lifetime: p.Lifetime, extensions: p.LeafExtensions,
	})
	if err != nil {
		return nil, nil, err
	}
	init, initPublic, err := newKeyPair(s, p.Rand)
	if err != nil {
		return nil, nil, err
	}
	kp := &wire.KeyPackage{
		Version:     wire.Version,
		CipherSuite: s.ID,
		InitKey:     initPublic,
		Leaf:        leaf,
		Extensions:  extensionsToWire(p.Extensions),
	}
	if p.LastResort {
		kp.Extensions = append(kp.Extensions, wire.LastResortExtension())
	}
	signature, err := s.Sign(p.SigningKey.key, keyPackageLabel, kp.TBS())
	if err != nil {
		return nil, nil, err
	}
	kp.Seal(signature)
	for _, e := range kp.Extensions {
		// A duty of who makes a key package: others ignore what they do not know.
		if !leaf.Capabilities.SupportsExtension(e.Type) {
			return nil, nil, rule.Broken("10-key-package-extension", "key package has an extension that it does not support")
		}
	}
	if err := checkOwnKeyPackage(s, kp, tree.NewLeaf(kp.Leaf)); err != nil {
		return nil, nil, err
	}
	return &KeyPackage{kp: kp, suite: s}, &KeyPackagePrivate{init, encryption, p.SigningKey.key}, nil
}

// newKeyPair draws an HPKE key pair from rand.
func newKeyPair(s *suite.Suite, rand io.Reader) (private suite.Secret, public []byte, err error) {
	ikm, err := draw(rand, s.HashSize())
	if err != nil {
		return nil, nil, err
	}
	defer clear(ikm)
	key, err := s.DeriveKeyPair(ikm)
	if err != nil {
		return nil, nil, err
	}
	raw, err := key.Bytes()
	return raw, key.PublicKey().Bytes(), err
}

type leafParams struct {
	signer       *SigningKey
	credential   Credential
	capabilities Capabilities
	lifetime     Lifetime
	extensions   []Extension
}

// newLeaf makes and signs a leaf for a key package.
func newLeaf(s *suite.Suite, rand io.Reader, p leafParams) (*wire.LeafNode, suite.Secret, error) {
	l, err := unsignedLeaf(s, p)
	if err != nil {
		return nil, nil, err
	}
	private, public, err := newKeyPair(s, rand)
	if err != nil {
		return nil, nil, err
	}
	l.EncryptionKey, l.Source, l.Lifetime = public, wire.SourceKeyPackage, p.lifetime.wire()
	if err := signLeaf(s, p.signer.key, l, nil, 0); err != nil {
		return nil, nil, err
	}
	return l, private, nil
}

// unsignedLeaf makes what a leaf says of its owner, without encryption key and source.
func unsignedLeaf(s *suite.Suite, p leafParams) (*wire.LeafNode, error) {
	if p.signer == nil || p.signer.key.Scheme != s.Scheme {
		return nil, fmt.Errorf("%w: signing key does not fit the suite", ErrUnsupported)
	}
	if p.capabilities.empty() {
		p.capabilities = DefaultCapabilities()
	}
	return &wire.LeafNode{
		SignatureKey: p.signer.key.Public,
		Credential:   p.credential.wire(),
		Capabilities: p.capabilities.wire(),
		Extensions:   extensionsToWire(p.extensions),
	}, nil
}

const (
	keyPackageLabel = "KeyPackageTBS"
	leafLabel       = "LeafNodeTBS"
)

func signLeaf(s *suite.Suite, key *suite.SigningKey, l *wire.LeafNode, group []byte, index uint32) error {
	signature, err := s.Sign(key, leafLabel, l.TBS(group, index))
	if err != nil {
		return err
	}
	l.Seal(signature)
	return nil
}

// ParseKeyPackage decodes a key package, as an MLSMessage or bare. Verify must
// follow before it is used.
func ParseKeyPackage(b []byte) (*KeyPackage, error) {
	b = bytes.Clone(b)
	// The header of an MLSMessage is also how a bare key package of suite 5
	// begins: what can be read as a message is one, as Bytes writes it.
	var kp *wire.KeyPackage
	if m, err := wire.ParseMessage(b); err == nil && m.KeyPackage != nil {
		kp = m.KeyPackage
	} else if kp, err = wire.ParseKeyPackage(b); err != nil {
		return nil, fmt.Errorf("%w: key package", ErrMalformed)
	}
	if kp.Version != wire.Version {
		return nil, fmt.Errorf("%w: protocol version %d", ErrUnsupported, kp.Version)
	}
	s, err := lookup(CipherSuite(kp.CipherSuite))
	if err != nil {
		return nil, err
	}
	return &KeyPackage{kp: kp, suite: s}, nil
}

// Verify checks signatures, lifetime and rules at the time now, with the
// defaults of Policy (RFC 9420, Section 10.1).
func (kp *KeyPackage) Verify(now time.Time) error {
	if err := checkKeyPackage(kp.suite, kp.kp, tree.NewLeaf(kp.kp.Leaf)); err != nil {
		return err
	}
	kp.verified.Store(true)
	return Policy{}.checkSent(kp.kp.Leaf, now)
}

// Bytes encodes the key package as an MLSMessage.
func (kp *KeyPackage) Bytes() []byte { return (&wire.Message{KeyPackage: kp.kp}).Bytes() }

const keyPackageRefLabel = "MLS 1.0 KeyPackage Reference"

// Ref is the key package's hash reference (RFC 9420, Section 5.2).
func (kp *KeyPackage) Ref() []byte { return kp.suite.RefHash(keyPackageRefLabel, kp.kp.Bytes()) }

// CipherSuite is the suite of the key package.
func (kp *KeyPackage) CipherSuite() CipherSuite { return CipherSuite(kp.kp.CipherSuite) }

// LeafNode is the leaf that the client will have.
func (kp *KeyPackage) LeafNode() *LeafNode { return &LeafNode{kp.kp.Leaf} }

// Extensions are those of the key package itself.
func (kp *KeyPackage) Extensions() []Extension { return extensionsFromWire(kp.kp.Extensions) }

// LastResort reports whether the key package may be used more than once.
func (kp *KeyPackage) LastResort() bool { return kp.kp.LastResort() }

// ParseKeyPackagePrivate decodes what Bytes returned.
func ParseKeyPackagePrivate(b []byte) (*KeyPackagePrivate, error) {
	r := tlsenc.NewReader(bytes.Clone(b))
	if r.U8() != recordVersion {
		return nil, fmt.Errorf("%w: private key package", ErrMalformed)
	}
	p := &KeyPackagePrivate{init: r.Opaque(), encryption: r.Opaque()}
	signer, err := readSigner(r)
	if err != nil || r.Done() != nil {
		return nil, fmt.Errorf("%w: private key package", ErrMalformed)
	}
	p.signer = signer
	return p, nil
}

// Bytes encodes the private part, the signing key included.
func (p *KeyPackagePrivate) Bytes() []byte {
	var w tlsenc.Writer
	w.U8(recordVersion)
	w.Opaque(p.init)
	w.Opaque(p.encryption)
	writeSigner(&w, p.signer)
	return w.Bytes()
}

// String redacts the keys.
func (p *KeyPackagePrivate) String() string { return "mls.KeyPackagePrivate[secret]" }

// GoString redacts the keys.
func (p *KeyPackagePrivate) GoString() string { return p.String() }

// matches reports whether the private part belongs to the key package.
func (p *KeyPackagePrivate) matches(kp *KeyPackage) bool {
	for _, pair := range []struct {
		private suite.Secret
		public  []byte
	}{{p.init, kp.kp.InitKey}, {p.encryption, kp.kp.Leaf.EncryptionKey}} {
		key, err := kp.suite.PrivateKey(pair.private)
		if err != nil || !bytes.Equal(key.PublicKey().Bytes(), pair.public) {
			return false
		}
	}
	return bytes.Equal(p.signer.Public, kp.kp.Leaf.SignatureKey)
}
