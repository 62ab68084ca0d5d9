// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// requirements is what the extensions of a group context demand of every leaf.
type requirements struct {
	wire.RequiredCapabilities
	context wire.Extensions
}

func parseRequirements(context wire.Extensions) (requirements, error) {
	r := requirements{context: context}
	if data, ok := context.Find(wire.ExtRequiredCapabilities); ok {
		required, err := wire.ParseRequiredCapabilities(data)
		if err != nil {
			return r, rule.Broken("11.1-required-capabilities", "required_capabilities is malformed")
		}
		r.RequiredCapabilities = required
	}
	if err := checkAppData(context); err != nil {
		return r, err
	}
	if data, ok := context.Find(wire.ExtExternalSenders); ok {
		if _, err := wire.ParseExternalSenders(data); err != nil {
			return r, rule.Broken("12.1.8.1-external-senders", "external_senders is malformed")
		}
	}
	return r, nil
}

// check verifies that a leaf supports what the group demands (RFC 9420,
// Sections 7.3, 11.1 and 13.4).
func (r *requirements) check(l *wire.LeafNode) error {
	c := &l.Capabilities
	for _, t := range r.Extensions {
		if !c.SupportsExtension(t) {
			return rule.Broken("7.3-required-extension", "leaf lacks a required extension")
		}
	}
	for _, t := range r.Proposals {
		if !c.SupportsProposal(t) {
			return rule.Broken("7.3-required-proposal", "leaf lacks a required proposal")
		}
	}
	for _, t := range r.Credentials {
		if !c.SupportsCredential(t) {
			return rule.Broken("7.3-required-credential", "leaf lacks a required credential")
		}
	}
	for _, e := range r.context {
		if !c.SupportsExtension(e.Type) {
			return rule.Broken("13.4-context-extension", "leaf lacks an extension of the group context")
		}
	}
	return nil
}

// checkCredentials verifies that every member supports every credential type in use
// (RFC 9420, Section 7.3).
func checkCredentials(t *tree.Tree) error {
	used := make(map[uint16]struct{})
	last := -1 // mostly, all are of one type
	for _, l := range t.Members() {
		if c := l.Credential.Type; int(c) != last {
			used[c], last = struct{}{}, int(c)
		}
	}
	types := slices.Collect(maps.Keys(used))
	for _, l := range t.Members() {
		for _, c := range types {
			if !l.Capabilities.SupportsCredential(c) {
				return rule.Broken("7.3-credential-support", "leaf lacks a credential type that is in use")
			}
		}
	}
	return nil
}

// checkSupport verifies that the members of the new epoch support what it holds,
// and that new leaves bring new keys.
func (p *provisional) checkSupport(old *state) error {
	required, err := parseRequirements(p.extensions)
	if err != nil {
		return err
	}
	changed := append(append([]treemath.Leaf(nil), p.added...), p.updated...)
	if p.extended {
		for _, l := range p.tree.Members() {
			if err := required.check(l.LeafNode); err != nil {
				return err
			}
		}
	} else {
		for _, i := range changed {
			if l := p.tree.Leaf(i); l != nil {
				if err := required.check(l.LeafNode); err != nil {
					return err
				}
			}
		}
	}
	if len(changed) > 0 {
		if err := checkCredentials(p.tree); err != nil {
			return err
		}
	}
	if err := p.checkProposalTypes(old); err != nil {
		return err
	}
	return checkNewKeys(p.tree, changed)
}

// checkProposalTypes verifies that the members who process the commit support its
// proposals (RFC 9420, Section 12.2): those that neither come nor go.
func (p *provisional) checkProposalTypes(old *state) error {
	types := make(map[uint16]struct{})
	for _, q := range p.proposals {
		if !wire.DefaultProposal(q.proposal.Type) {
			types[q.proposal.Type] = struct{}{}
		}
	}
	if len(types) == 0 {
		return nil
	}
	gone := make(map[treemath.Leaf]struct{}, len(p.removed))
	for _, i := range p.removed {
		gone[i] = struct{}{}
	}
	for i, l := range old.tree.Members() {
		if _, ok := gone[i]; ok {
			continue
		}
		for t := range types {
			if !l.Capabilities.SupportsProposal(t) {
				return rule.Broken("12.2-proposal-support", "member lacks a proposal type of the commit")
			}
		}
	}
	return nil
}

// keySet finds equal keys in time linear in their number, by their first bytes.
type keySet struct {
	first [256]bool // whether a key begins with that byte, to answer most questions at once
	keys  map[uint64][][]byte
}

func newKeySet() *keySet { return &keySet{keys: make(map[uint64][][]byte)} }

func prefix(key []byte) uint64 {
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}

// count returns how often key is in the set.
func (s *keySet) count(key []byte) (n int) {
	if len(key) > 0 && !s.first[key[0]] {
		return 0
	}
	for _, k := range s.keys[prefix(key)] {
		if bytes.Equal(k, key) {
			n++
		}
	}
	return n
}

func (s *keySet) add(key []byte) {
	if len(key) > 0 {
		s.first[key[0]] = true
	}
	s.keys[prefix(key)] = append(s.keys[prefix(key)], key)
}

// checkNewKeys verifies that the keys of the given leaves occur once in the tree
// (RFC 9420, Section 7.3).
func checkNewKeys(t *tree.Tree, leaves []treemath.Leaf) error {
	encryption, signature := newKeySet(), newKeySet()
	fresh := make(map[treemath.Leaf]struct{}, len(leaves))
	for _, i := range leaves {
		l := t.Leaf(i)
		if l == nil {
			continue
		}
		if encryption.count(l.EncryptionKey) > 0 {
			return rule.Broken("7.3-unique-encryption-key", "two leaves have the same encryption key")
		}
		if signature.count(l.SignatureKey) > 0 {
			return rule.Broken("7.3-unique-signature-key", "two leaves have the same signature key")
		}
		encryption.add(l.EncryptionKey)
		signature.add(l.SignatureKey)
		fresh[i] = struct{}{}
	}
	if len(fresh) == 0 {
		return nil
	}
	for i := range t.Width() {
		n := t.Node(i)
		switch {
		case n.Leaf != nil:
			if _, ok := fresh[i.Leaf()]; ok {
				continue
			}
			if signature.count(n.Leaf.SignatureKey) > 0 {
				return rule.Broken("7.3-unique-signature-key", "two leaves have the same signature key")
			}
			if encryption.count(n.Leaf.EncryptionKey) > 0 {
				return rule.Broken("7.3-unique-encryption-key", "two leaves have the same encryption key")
			}
		case n.Parent != nil:
			if encryption.count(n.Parent.EncryptionKey) > 0 {
				return rule.Broken("7.3-unique-encryption-key", "leaf has the encryption key of another node")
			}
		}
	}
	return nil
}

// checkPathKeys verifies that no key of an update path occurs in the tree that
// it will be merged into, nor twice in the path (RFC 9420, Section 12.4.2).
func checkPathKeys(t *tree.Tree, path *wire.UpdatePath) error {
	keys := newKeySet()
	keys.add(path.Leaf.EncryptionKey)
	for _, n := range path.Nodes {
		if keys.count(n.EncryptionKey) > 0 {
			return rule.Broken("12.4.2-path-keys", "update path repeats a key")
		}
		keys.add(n.EncryptionKey)
	}
	for i := range t.Width() {
		var key []byte
		if n := t.Node(i); n.Leaf != nil {
			key = n.Leaf.EncryptionKey
		} else if n.Parent != nil {
			key = n.Parent.EncryptionKey
		} else {
			continue
		}
		if keys.count(key) > 0 {
			return rule.Broken("12.4.2-path-keys", "update path has a key of the tree")
		}
	}
	return nil
}
