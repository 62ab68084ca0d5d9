// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"crypto/hpke"
	"fmt"
	"iter"
	"slices"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// MaxLeaves bounds the size of a tree, members and blanks together.
const MaxLeaves = (wire.MaxTreeNodes + 1) / 2

// Leaf is a leaf node with its parsed keys.
type Leaf struct {
	*wire.LeafNode
	encryption hpke.PublicKey
	signature  *suite.VerifyKey
}

// NewLeaf wraps a leaf node.
func NewLeaf(l *wire.LeafNode) *Leaf { return &Leaf{LeafNode: l} }

// Encryption parses the leaf's HPKE key, once.
func (l *Leaf) Encryption(s *suite.Suite) (hpke.PublicKey, error) {
	if l.encryption == nil {
		key, err := s.PublicKey(l.EncryptionKey)
		if err != nil {
			return nil, rule.Broken("10-encryption-key", "leaf holds no key of the suite's KEM")
		}
		l.encryption = key
	}
	return l.encryption, nil
}

// CheckEncryption verifies that the leaf has an HPKE key of the suite. It does not keep
// what it parsed: of most leaves nobody ever needs it, and it can be large.
func (l *Leaf) CheckEncryption(s *suite.Suite) error {
	fresh := Leaf{LeafNode: l.LeafNode, encryption: l.encryption}
	_, err := fresh.Encryption(s)
	return err
}

// VerifyKey parses the leaf's signature key, once unless that costs nothing.
func (l *Leaf) VerifyKey(s *suite.Suite) (suite.VerifyKey, error) {
	if l.signature != nil {
		return *l.signature, nil
	}
	key, err := s.VerifyKey(l.SignatureKey)
	if err != nil {
		return suite.VerifyKey{}, rule.Broken("5.1.1-signature-key", "leaf holds no key of the suite's signature scheme")
	}
	if s.Scheme != suite.Ed25519 {
		l.signature = &key
	}
	return key, nil
}

// Parent is a parent node with its parsed key.
type Parent struct {
	*wire.ParentNode
	encryption hpke.PublicKey
}

// Encryption parses the node's HPKE key, once.
func (p *Parent) Encryption(s *suite.Suite) (hpke.PublicKey, error) {
	if p.encryption == nil {
		key, err := s.PublicKey(p.EncryptionKey)
		if err != nil {
			return nil, rule.Broken("7.1-encryption-key", "parent node holds no key of the suite's KEM")
		}
		p.encryption = key
	}
	return p.encryption, nil
}

// check verifies that the node has an HPKE key of the suite, and keeps nothing.
func (p *Parent) check(s *suite.Suite) error {
	fresh := Parent{p.ParentNode, p.encryption}
	_, err := fresh.Encryption(s)
	return err
}

// entry is a place in the array form of the tree: leaf, parent or blank.
type entry struct {
	leaf   *Leaf
	parent *Parent
	hash   []byte // cached tree hash, nil if not known
}

func (e *entry) blank() bool { return e.leaf == nil && e.parent == nil }

// Tree is a ratchet tree.
type Tree struct {
	suite  *suite.Suite
	nodes  []entry // 2*leaves-1
	unread *unread // nil: nodes is all there is
}

// New returns a tree with one leaf.
func New(s *suite.Suite, l *Leaf) *Tree { return &Tree{suite: s, nodes: []entry{{leaf: l}}} }

// Parse decodes a ratchet_tree (RFC 9420, Section 12.4.3.3). Nothing but its form is
// verified.
func Parse(s *suite.Suite, nodes []wire.Node) (*Tree, error) {
	if len(nodes) == 0 || nodes[len(nodes)-1].Blank() {
		return nil, rule.Broken("12.4.3.3-last-node", "ratchet tree ends with a blank node")
	}
	leaves := treemath.FullSize(uint32(len(nodes)+2) / 2)
	if len(nodes) > 2*MaxLeaves-1 || leaves > MaxLeaves {
		return nil, rule.Broken("size-tree", "ratchet tree of %d nodes is too large", len(nodes))
	}
	t := &Tree{suite: s, nodes: make([]entry, treemath.Width(leaves))}
	for i, n := range nodes {
		if err := t.nodes[i].place(treemath.Node(i), n); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// place fills the place of node i.
func (e *entry) place(i treemath.Node, n wire.Node) error {
	switch {
	case n.Leaf != nil && i.IsLeaf():
		e.leaf = NewLeaf(n.Leaf)
	case n.Parent != nil && !i.IsLeaf():
		e.parent = &Parent{ParentNode: n.Parent}
	case !n.Blank():
		return rule.Broken("12.4.3.3-node-type", "node %d is of the wrong type", i)
	}
	return nil
}

// Node returns the node at i for encoding.
func (t *Tree) Node(i treemath.Node) wire.Node {
	var n wire.Node
	if nodes := t.all(); int(i) < len(nodes) {
		if e := &nodes[i]; e.leaf != nil {
			n.Leaf = e.leaf.LeafNode
		} else if e.parent != nil {
			n.Parent = e.parent.ParentNode
		}
	}
	return n
}

// Bytes encodes the tree as a ratchet_tree. It is nil if the tree cannot be read.
func (t *Tree) Bytes() []byte {
	all := t.all()
	if t.unread != nil {
		return nil
	}
	end := len(all)
	for end > 0 && all[end-1].blank() {
		end--
	}
	nodes := make([]wire.Node, end)
	for i := range nodes {
		nodes[i] = t.Node(treemath.Node(i))
	}
	return wire.MarshalTree(nodes)
}

// Clone returns a tree that can be changed independently.
func (t *Tree) Clone() *Tree {
	return &Tree{suite: t.suite, nodes: slices.Clone(t.all())}
}

// Leaves is the number of leaves, blank ones included: a power of two.
func (t *Tree) Leaves() uint32 {
	if t.unread != nil {
		return t.unread.leaves
	}
	return uint32(len(t.nodes)+1) / 2
}

// Width is the number of nodes.
func (t *Tree) Width() treemath.Node { return treemath.Node(treemath.Width(t.Leaves())) }

// Root is the root's index.
func (t *Tree) Root() treemath.Node { return treemath.Root(t.Leaves()) }

// Leaf returns the leaf at i, or nil if it is blank or there is none.
func (t *Tree) Leaf(i treemath.Leaf) *Leaf {
	if uint32(i) >= t.Leaves() {
		return nil
	}
	if t.unread != nil {
		return t.unread.leaf(i)
	}
	return t.nodes[i.Node()].leaf
}

// Parent returns the parent node at n, or nil if it is blank.
func (t *Tree) Parent(n treemath.Node) *Parent { return t.all()[n].parent }

// Members iterates over the leaves that are not blank.
func (t *Tree) Members() iter.Seq2[treemath.Leaf, *Leaf] {
	return func(yield func(treemath.Leaf, *Leaf) bool) {
		all := t.all()
		for i := 0; i < len(all); i += 2 {
			if l := all[i].leaf; l != nil && !yield(treemath.Leaf(i/2), l) {
				return
			}
		}
	}
}

// Changes iterates over the nodes in which t differs from old.
func (t *Tree) Changes(old *Tree) iter.Seq[treemath.Node] {
	return func(yield func(treemath.Node) bool) {
		now, before := t.all(), old.all()
		for i := range max(len(now), len(before)) {
			var a, b entry
			if i < len(now) {
				a = now[i]
			}
			if i < len(before) {
				b = before[i]
			}
			if (a.leaf != b.leaf || a.parent != b.parent) && !yield(treemath.Node(i)) {
				return
			}
		}
	}
}

// Resolution returns the resolution of n (RFC 9420, Section 4.1.1), without the
// leaves that skip selects.
func (t *Tree) Resolution(n treemath.Node, skip func(treemath.Leaf) bool) []treemath.Node {
	return t.appendResolution(nil, n, skip)
}

func (t *Tree) appendResolution(out []treemath.Node, n treemath.Node, skip func(treemath.Leaf) bool) []treemath.Node {
	e := &t.nodes[n]
	switch {
	case e.leaf != nil:
		if skip == nil || !skip(n.Leaf()) {
			out = append(out, n)
		}
	case e.parent != nil:
		out = append(out, n)
		for _, l := range e.parent.UnmergedLeaves {
			if leaf := treemath.Leaf(l); skip == nil || !skip(leaf) {
				out = append(out, leaf.Node())
			}
		}
	case !n.IsLeaf():
		out = t.appendResolution(out, n.Left(), skip)
		out = t.appendResolution(out, n.Right(), skip)
	}
	return out
}

// empty reports whether the resolution of n is empty.
func (t *Tree) empty(n treemath.Node) bool {
	if !t.nodes[n].blank() {
		return false
	}
	return n.IsLeaf() || t.empty(n.Left()) && t.empty(n.Right())
}

// Encryption returns the HPKE key of a node that is not blank.
func (t *Tree) Encryption(n treemath.Node) (hpke.PublicKey, error) {
	if l := t.nodes[n].leaf; l != nil {
		return l.Encryption(t.suite)
	}
	if p := t.nodes[n].parent; p != nil {
		return p.Encryption(t.suite)
	}
	return nil, fmt.Errorf("mls: node %d is blank", n)
}
