// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"time"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// checkInfo verifies what can be said of a group info by itself (RFC 9420,
// Section 12.4.3.1).
func checkInfo(s *suite.Suite, info *wire.GroupInfo) error {
	c := &info.Context
	switch {
	case c.Version != wire.Version:
		return rule.Broken("12.4.3.1-version", "group of another protocol version")
	case c.CipherSuite != s.ID:
		return rule.Broken("12.4.3.1-cipher-suite", "group info of another cipher suite than the key package")
	case info.Extensions.Duplicate():
		return rule.Broken("13.4-info-extension-twice", "group info with two extensions of one type")
	case c.Extensions.Duplicate():
		return rule.Broken("13.4-context-extension-twice", "group context with two extensions of one type")
	}
	return nil
}

// openGroup decodes the ratchet tree, which the group info carries or else was given,
// and verifies the signature of the group info and the hash of the tree.
func openGroup(s *suite.Suite, info *wire.GroupInfo, given []byte) (*state, error) {
	encoded := given
	if data, ok := info.Extensions.Find(wire.ExtRatchetTree); ok {
		encoded = data
	}
	if encoded == nil {
		return nil, ErrNoTree
	}
	nodes, err := wire.ParseTree(bytes.Clone(encoded))
	if err != nil {
		return nil, malformed("ratchet tree", err)
	}
	t, err := tree.Parse(s, nodes)
	if err != nil {
		return nil, err
	}
	signer := t.Leaf(treemath.Leaf(info.Signer))
	if signer == nil {
		return nil, rule.Broken("12.4.3.1-signer-leaf", "group info by a leaf that is blank")
	}
	key, err := signer.VerifyKey(s)
	if err != nil {
		return nil, err
	}
	if !s.Verify(key, groupInfoLabel, info.TBS(), info.Signature) {
		return nil, rule.Broken("12.4.3.1-signature", "group info has a bad signature")
	}
	if !bytes.Equal(t.Hash(), info.Context.TreeHash) {
		return nil, rule.Broken("12.4.3.1-tree-hash", "ratchet tree is not that of the group info")
	}
	return &state{suite: s, context: info.Context, tree: t}, nil
}

// verifyTree verifies the integrity of a tree that is joined, and every leaf (RFC 9420,
// Section 12.4.3.1).
func (st *state) verifyTree(cfg *Config, now time.Time) error {
	t, group := st.tree, st.context.GroupID
	required, err := parseRequirements(st.context.Extensions)
	if err != nil {
		return err
	}
	type member struct {
		index treemath.Leaf
		leaf  *tree.Leaf
	}
	var members []member
	for i, l := range t.Members() {
		members = append(members, member{i, l})
	}
	err = tree.Parallel(1+len(members), func(n int) error {
		if n == 0 {
			return t.VerifyStructure() // the hashes are known, so that this changes nothing
		}
		m := members[n-1]
		if err := checkLeaf(st.suite, m.leaf, group, uint32(m.index)); err != nil {
			return err
		}
		if err := required.check(m.leaf.LeafNode); err != nil {
			return err
		}
		return cfg.Policy.checkJoined(m.leaf.LeafNode, now)
	})
	if err != nil {
		return err
	}
	if err := t.CheckParents(); err != nil {
		return err
	}
	return checkCredentials(t)
}
