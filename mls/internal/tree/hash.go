// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"slices"

	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
	"github.com/securecrypt/securecrypt/mls/tlsenc"
)

// Hash returns the tree hash of the root (RFC 9420, Section 7.8).
func (t *Tree) Hash() []byte {
	if root := t.Root(); t.nodes[root].hash == nil && t.Leaves() >= parallelHash {
		size := t.Leaves() / subtrees
		_ = Parallel(subtrees, func(i int) error {
			t.NodeHash(treemath.Node(2*uint32(i)*size + size - 1))
			return nil
		})
	}
	return t.NodeHash(t.Root())
}

// From how many leaves on subtrees are hashed beside each other, and how many of them.
const (
	parallelHash = 256
	subtrees     = 8
)

// NodeHash returns the tree hash of n, from the cache where it is known.
func (t *Tree) NodeHash(n treemath.Node) []byte {
	e := &t.nodes[n]
	if e.hash == nil {
		if n.IsLeaf() {
			e.hash = t.hashLeaf(n.Leaf(), e.leaf)
		} else {
			left, right := t.NodeHash(n.Left()), t.NodeHash(n.Right())
			e.hash = t.hashParent(e.parent.node(), left, right)
		}
	}
	return e.hash
}

func (p *Parent) node() *wire.ParentNode {
	if p == nil {
		return nil
	}
	return p.ParentNode
}

const (
	hashLeaf   = 1
	hashParent = 2
)

func (t *Tree) hashLeaf(i treemath.Leaf, l *Leaf) []byte {
	w := tlsenc.NewWriter(1 + 4 + 1)
	w.U8(hashLeaf)
	w.U32(uint32(i))
	w.Optional(l != nil)
	if l == nil {
		return t.suite.Hash(w.Bytes())
	}
	return t.suite.Hash(w.Bytes(), l.Bytes())
}

func (t *Tree) hashParent(p *wire.ParentNode, left, right []byte) []byte {
	size := 2 + 2 + len(left) + len(right)
	if p != nil {
		size += 16 + len(p.EncryptionKey) + len(p.ParentHash) + 4*len(p.UnmergedLeaves)
	}
	w := tlsenc.NewWriter(size)
	w.U8(hashParent)
	w.Optional(p != nil)
	if p != nil {
		p.Marshal(w)
	}
	w.Opaque(left)
	w.Opaque(right)
	return t.suite.Hash(w.Bytes())
}

// hashWithout returns the tree hash of n as if the given leaves, in ascending
// order, were blank and unmerged nowhere (RFC 9420, Section 7.9).
func (t *Tree) hashWithout(n treemath.Node, leaves []uint32) []byte {
	leaves = below(leaves, n)
	if len(leaves) == 0 {
		return t.NodeHash(n)
	}
	if n.IsLeaf() {
		return t.hashLeaf(n.Leaf(), nil)
	}
	p := t.nodes[n].parent.node()
	if p != nil {
		q := *p
		q.UnmergedLeaves = subtract(p.UnmergedLeaves, leaves)
		p = &q
	}
	return t.hashParent(p, t.hashWithout(n.Left(), leaves), t.hashWithout(n.Right(), leaves))
}

// below returns the part of an ascending list of leaves that lies below n.
func below(leaves []uint32, n treemath.Node) []uint32 {
	from, _ := slices.BinarySearch(leaves, uint32(n.FirstLeaf()))
	to, _ := slices.BinarySearch(leaves, uint32(n.EndLeaf()))
	return leaves[from:to]
}

// subtract returns the ascending list a without those in the ascending list b.
func subtract(a, b []uint32) []uint32 {
	var out []uint32
	for _, x := range a {
		for len(b) > 0 && b[0] < x {
			b = b[1:]
		}
		if len(b) == 0 || b[0] != x {
			out = append(out, x)
		}
	}
	return out
}

// parentHash returns the parent hash of p with a given hash of its copath child
// (RFC 9420, Section 7.9).
func (t *Tree) parentHash(p *wire.ParentNode, siblingHash []byte) []byte {
	w := tlsenc.NewWriter(256)
	w.Opaque(p.EncryptionKey)
	w.Opaque(p.ParentHash)
	w.Opaque(siblingHash)
	return t.suite.Hash(w.Bytes())
}
