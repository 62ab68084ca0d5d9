// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"fmt"

	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// What components may do with the keys of a group without getting in each other's
// way, or in that of MLS: the Safe Application Interface of draft-ietf-mls-extensions.

// SafeExport returns the secret of the epoch for a component, once: the delta erases all
// that it could be derived from again. A second time fails with ErrKeyUsed.
func (g *Group) SafeExport(id ComponentID) ([]byte, Delta, error) {
	if g.removed {
		return nil, Delta{}, ErrNotMember
	}
	t := g.store.begin()
	secret, err := g.state.exporter().Take(t, uint16(id))
	if err != nil {
		return nil, Delta{}, err
	}
	return secret, t.commit(), nil
}

// SafeSign signs content with the own leaf's key, for a component.
func (g *Group) SafeSign(id ComponentID, label string, content []byte) ([]byte, error) {
	if g.removed {
		return nil, ErrNotMember
	}
	return g.state.suite.Sign(g.state.signer, wire.ComponentLabel(uint16(id), label), content)
}

// SafeVerify reports whether a member signed content for a component.
func (g *Group) SafeVerify(by LeafIndex, id ComponentID, label string, content, signature []byte) bool {
	if g.removed {
		return false
	}
	leaf := g.state.tree.Leaf(treemath.Leaf(by))
	if leaf == nil {
		return false
	}
	key, err := leaf.VerifyKey(g.state.suite)
	return err == nil && g.state.suite.Verify(key, wire.ComponentLabel(uint16(id), label), content, signature)
}

// SafeEncrypt encrypts to a member's leaf, for a component. What it returns are the KEM
// output and the ciphertext of HPKE.
func (g *Group) SafeEncrypt(to LeafIndex, id ComponentID, label string, context, plaintext []byte) (kemOutput, ciphertext []byte, err error) {
	if g.removed {
		return nil, nil, ErrNotMember
	}
	leaf := g.state.tree.Leaf(treemath.Leaf(to))
	if leaf == nil {
		return nil, nil, fmt.Errorf("mls: leaf %d is blank", to)
	}
	key, err := leaf.Encryption(g.state.suite)
	if err != nil {
		return nil, nil, err
	}
	return g.state.suite.Encrypt(key, wire.ComponentLabel(uint16(id), label), context, plaintext)
}

// SafeDecrypt decrypts what was encrypted to the own leaf for a component.
func (g *Group) SafeDecrypt(id ComponentID, label string, context, kemOutput, ciphertext []byte) ([]byte, error) {
	if g.removed {
		return nil, ErrNotMember
	}
	st := g.state
	key, err := st.private[st.own.Node()].key(st.suite)
	if err != nil {
		return nil, err
	}
	plain, err := st.suite.Decrypt(key, wire.ComponentLabel(uint16(id), label), context, kemOutput, ciphertext)
	if err != nil {
		return nil, fmt.Errorf("%w: for component %#04x", ErrDecrypt, uint16(id))
	}
	return plain, nil
}
