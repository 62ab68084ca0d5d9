// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"errors"
	"io"
	"time"
)

var errNotYet = errors.New("mls: not implemented yet")

// SigningKey is a member's signature key pair. It prints as its public half.
type SigningKey struct{}

// NewSigningKey draws a signature key pair for suite.
func NewSigningKey(suite CipherSuite, rand io.Reader) (*SigningKey, error) { return nil, errNotYet }

// ImportSigningKey takes over a raw private key: an Ed25519 seed (32 bytes) or
// private key (64 bytes), or an ECDSA scalar.
func ImportSigningKey(suite CipherSuite, raw []byte) (*SigningKey, error) { return nil, errNotYet }

// ParseSigningKey decodes what Bytes returned.
func ParseSigningKey(b []byte) (*SigningKey, error) { return nil, errNotYet }

// Bytes encodes the key, private half included.
func (k *SigningKey) Bytes() []byte { return nil }

// Public returns the public half as leaves carry it.
func (k *SigningKey) Public() []byte { return nil }

// String redacts the key.
func (k *SigningKey) String() string { return "mls.SigningKey" }

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

// DefaultCapabilities lists all that this package supports, and the given
// extension types, which the application supports.
func DefaultCapabilities(extensions ...ExtensionType) Capabilities { return Capabilities{} }

// KeyPackage lets others add a client to groups (RFC 9420, Section 10).
type KeyPackage struct{}

// KeyPackagePrivate is the secret part of a key package. It must be deleted
// once a group was joined with it, unless the key package is a last resort.
type KeyPackagePrivate struct{}

// NewKeyPackage makes and signs a key package.
func NewKeyPackage(p KeyPackageParams) (*KeyPackage, *KeyPackagePrivate, error) {
	return nil, nil, errNotYet
}

// ParseKeyPackage decodes a key package, as an MLSMessage or bare. Verify must
// follow before it is used.
func ParseKeyPackage(b []byte) (*KeyPackage, error) { return nil, errNotYet }

// Verify checks signatures, lifetime and rules at the time now, with the
// defaults of Policy (RFC 9420, Section 10.1).
func (kp *KeyPackage) Verify(now time.Time) error { return errNotYet }

// Bytes encodes the key package as an MLSMessage.
func (kp *KeyPackage) Bytes() []byte { return nil }

// Ref is the key package's hash reference (RFC 9420, Section 5.2).
func (kp *KeyPackage) Ref() []byte { return nil }

// CipherSuite is the suite of the key package.
func (kp *KeyPackage) CipherSuite() CipherSuite { return 0 }

// LeafNode is the leaf that the client will have.
func (kp *KeyPackage) LeafNode() *LeafNode { return nil }

// Extensions are those of the key package itself.
func (kp *KeyPackage) Extensions() []Extension { return nil }

// LastResort reports whether the key package may be used more than once.
func (kp *KeyPackage) LastResort() bool { return false }

// ParseKeyPackagePrivate decodes what Bytes returned.
func ParseKeyPackagePrivate(b []byte) (*KeyPackagePrivate, error) { return nil, errNotYet }

// Bytes encodes the private part, the signing key included.
func (p *KeyPackagePrivate) Bytes() []byte { return nil }

// LeafNode is a member's leaf in the tree (RFC 9420, Section 7.2). It is
// immutable.
type LeafNode struct{}

// Credential returns the member's credential.
func (l *LeafNode) Credential() Credential { return Credential{} }

// SignatureKey returns the member's public signature key.
func (l *LeafNode) SignatureKey() []byte { return nil }

// EncryptionKey returns the leaf's public HPKE key.
func (l *LeafNode) EncryptionKey() []byte { return nil }

// Capabilities returns what the member supports.
func (l *LeafNode) Capabilities() Capabilities { return Capabilities{} }

// Extensions returns the leaf's extensions.
func (l *LeafNode) Extensions() []Extension { return nil }

// Lifetime returns the lifetime of a leaf that came from a key package.
func (l *LeafNode) Lifetime() (Lifetime, bool) { return Lifetime{}, false }
