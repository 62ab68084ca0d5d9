// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"fmt"
	"slices"

	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// LeafNode is a member's leaf in the tree (RFC 9420, Section 7.2). It is
// immutable.
type LeafNode struct{ leaf *wire.LeafNode }

func wrapLeaf(l *wire.LeafNode) *LeafNode {
	if l == nil {
		return nil
	}
	return &LeafNode{l}
}

// Credential returns the member's credential.
func (l *LeafNode) Credential() Credential {
	return credentialFromWire(l.leaf.Credential)
}

// SignatureKey returns the member's public signature key.
func (l *LeafNode) SignatureKey() []byte { return slices.Clone(l.leaf.SignatureKey) }

// EncryptionKey returns the leaf's public HPKE key.
func (l *LeafNode) EncryptionKey() []byte { return slices.Clone(l.leaf.EncryptionKey) }

// Capabilities returns what the member supports.
func (l *LeafNode) Capabilities() Capabilities { return capabilitiesFromWire(l.leaf.Capabilities) }

// Extensions returns the leaf's extensions.
func (l *LeafNode) Extensions() []Extension { return extensionsFromWire(l.leaf.Extensions) }

// Lifetime returns the lifetime of a leaf that came from a key package.
func (l *LeafNode) Lifetime() (Lifetime, bool) {
	return Lifetime{fromSeconds(l.leaf.Lifetime.NotBefore), fromSeconds(l.leaf.Lifetime.NotAfter)},
		l.leaf.Source == wire.SourceKeyPackage
}

// X509Credential returns a credential with a chain of DER certificates, the end
// entity's first, which must be for the member's signature key.
func X509Credential(chain ...[]byte) Credential {
	return Credential{Type: CredentialX509, Data: wire.MarshalCertificates(chain)}
}

// Certificates returns the chain of an X.509 credential, the end entity's first
// (RFC 9420, Section 5.3).
func (c Credential) Certificates() ([][]byte, error) {
	if c.Type != CredentialX509 {
		return nil, fmt.Errorf("%w: not an X.509 credential", ErrUnsupported)
	}
	certs, err := wire.Credential{Type: uint16(c.Type), Data: c.Data}.Certificates()
	return certs, malformed("certificates", err)
}
