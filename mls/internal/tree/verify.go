// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"bytes"
	"slices"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
)

// VerifyStructure verifies what a new member must about parent nodes (RFC 9420,
// Section 12.4.3.1): unmerged leaves, distinct keys and parent hashes.
func (t *Tree) VerifyStructure() error {
	if err := t.verifyUnmerged(); err != nil {
		return err
	}
	if err := t.verifyDistinct(); err != nil {
		return err
	}
	return t.VerifyParentHashes()
}

// CheckParents verifies that the parent nodes hold keys of the suite.
func (t *Tree) CheckParents() error {
	return Parallel(len(t.nodes)/2, func(i int) error {
		if p := t.nodes[2*i+1].parent; p != nil {
			return p.check(t.suite)
		}
		return nil
	})
}

func (t *Tree) verifyUnmerged() error {
	for i := 1; i < len(t.nodes); i += 2 {
		n, p := treemath.Node(i), t.nodes[i].parent
		if p == nil {
			continue
		}
		if !slices.IsSorted(p.UnmergedLeaves) || len(slices.Compact(slices.Clone(p.UnmergedLeaves))) != len(p.UnmergedLeaves) {
			return rule.Broken("7.1-unmerged-order", "unmerged leaves of node %d are not ascending", n)
		}
		for _, l := range p.UnmergedLeaves {
			leaf := treemath.Leaf(l)
			if l >= t.Leaves() || !n.Contains(leaf) || t.nodes[leaf.Node()].leaf == nil {
				return rule.Broken("12.4.3.1-unmerged-leaf", "unmerged leaf %d of node %d is no leaf below it", l, n)
			}
			for m := leaf.Node().Parent(); m != n; m = m.Parent() {
				q := t.nodes[m].parent
				if q == nil {
					continue
				}
				if _, ok := slices.BinarySearch(q.UnmergedLeaves, l); !ok {
					return rule.Broken("12.4.3.1-unmerged-between", "unmerged leaf %d of node %d is merged at node %d", l, n, m)
				}
			}
		}
	}
	return nil
}

func (t *Tree) verifyDistinct() error {
	encryption := make(map[string]struct{}, len(t.nodes))
	signature := make(map[string]struct{}, len(t.nodes)/2)
	for _, l := range t.Members() {
		if _, twice := signature[string(l.SignatureKey)]; twice {
			return rule.Broken("7.3-unique-signature-key", "two leaves have the same signature key")
		}
		if _, twice := encryption[string(l.EncryptionKey)]; twice {
			return rule.Broken("7.3-unique-encryption-key", "two leaves have the same encryption key")
		}
		signature[string(l.SignatureKey)] = struct{}{}
		encryption[string(l.EncryptionKey)] = struct{}{}
	}
	for i := 1; i < len(t.nodes); i += 2 {
		p := t.nodes[i].parent
		if p == nil {
			continue
		}
		if _, twice := encryption[string(p.EncryptionKey)]; twice {
			return rule.Broken("12.4.3.1-parent-key", "node %d has the encryption key of another", i)
		}
		encryption[string(p.EncryptionKey)] = struct{}{}
	}
	return nil
}

// VerifyParentHashes verifies that each parent node was set by a member below it
// (RFC 9420, Section 7.9.2). Each node is followed upwards to the next that is
// not blank, the only one for which it can vouch.
func (t *Tree) VerifyParentHashes() error {
	expected := make(map[treemath.Node][2][]byte) // parent hash with the right, left child as copath
	vouched := make(map[treemath.Node]bool)
	for i := range t.nodes {
		d := treemath.Node(i)
		hash := t.storedParentHash(d)
		if hash == nil || d == t.Root() {
			continue
		}
		c, p := d, d.Parent()
		for t.nodes[p].parent == nil {
			if p == t.Root() {
				p = 0
				break
			}
			c, p = p, p.Parent()
		}
		if p == 0 {
			continue
		}
		both, known := expected[p]
		if !known {
			node := t.nodes[p].parent
			for side, s := range [2]treemath.Node{p.Right(), p.Left()} {
				both[side] = t.parentHash(node.ParentNode, t.hashWithout(s, node.UnmergedLeaves))
			}
			expected[p] = both
		}
		side := 0
		if c == p.Right() {
			side = 1
		}
		if !bytes.Equal(hash, both[side]) {
			continue
		}
		if vouched[p] || !t.resolvesTo(c, d, p) {
			return rule.Broken("7.9.2-parent-hash", "node %d does not vouch for node %d", d, p)
		}
		vouched[p] = true
	}
	for i := 1; i < len(t.nodes); i += 2 {
		if t.nodes[i].parent != nil && !vouched[treemath.Node(i)] {
			return rule.Broken("7.9.2-parent-hash", "no node vouches for node %d", i)
		}
	}
	return nil
}

// storedParentHash returns the parent_hash field of a node, nil if it has none.
func (t *Tree) storedParentHash(n treemath.Node) []byte {
	switch e := &t.nodes[n]; {
	case e.parent != nil:
		return e.parent.ParentHash
	case e.leaf != nil:
		return e.leaf.ParentHash
	default:
		return nil
	}
}

// resolvesTo reports whether the resolution of c is d and the unmerged leaves of p
// below c.
func (t *Tree) resolvesTo(c, d, p treemath.Node) bool {
	unmerged := below(t.nodes[p].parent.UnmergedLeaves, c)
	found := false
	rest := make([]uint32, 0, len(unmerged))
	for _, n := range t.Resolution(c, nil) {
		switch {
		case n == d:
			found = true
		case n.IsLeaf() && len(rest) < len(unmerged):
			rest = append(rest, uint32(n.Leaf()))
		default:
			return false
		}
	}
	slices.Sort(rest)
	return found && slices.Equal(rest, unmerged)
}
