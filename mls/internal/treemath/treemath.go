// SPDX-License-Identifier: Apache-2.0

// Package treemath computes indices in the array form of a full binary tree
// (RFC 9420, Appendix C). Leaves have even indices; a tree of n leaves, n a
// power of two, has 2n-1 nodes.
package treemath

import "math/bits"

// Node is the index of a node, leaf or parent, in the array.
type Node uint32

// Leaf is the index of a leaf among the leaves.
type Leaf uint32

// MaxLeaves is the largest number of leaves that a tree may have.
const MaxLeaves = 1 << 30

// Node returns the node index of l.
func (l Leaf) Node() Node { return Node(l) << 1 }

// IsLeaf reports whether n is a leaf.
func (n Node) IsLeaf() bool { return n&1 == 0 }

// Leaf returns the leaf index of a node that is a leaf.
func (n Node) Leaf() Leaf { return Leaf(n >> 1) }

// Level is the height of n above the leaves.
func (n Node) Level() int { return bits.TrailingZeros32(^uint32(n)) }

// Left returns the left child of a parent node.
func (n Node) Left() Node { return n ^ 1<<(n.Level()-1) }

// Right returns the right child of a parent node.
func (n Node) Right() Node { return n ^ 3<<(n.Level()-1) }

// Parent returns the parent of a node that is not the root.
func (n Node) Parent() Node {
	k := n.Level()
	return (n | 1<<k) &^ (1 << (k + 1))
}

// Sibling returns the other child of the parent of n.
func (n Node) Sibling() Node {
	p := n.Parent()
	if n < p {
		return p.Right()
	}
	return p.Left()
}

// Contains reports whether leaf l lies below n, or is n.
func (n Node) Contains(l Leaf) bool {
	k := n.Level()
	return uint32(n)>>(k+1) == uint32(l.Node())>>(k+1)
}

// FirstLeaf returns the leftmost leaf below n, EndLeaf the one after the last.
func (n Node) FirstLeaf() Leaf { return Leaf(n+1-1<<n.Level()) >> 1 }

// EndLeaf returns the leaf after the rightmost leaf below n.
func (n Node) EndLeaf() Leaf { return n.FirstLeaf() + 1<<n.Level() }

// Width is the number of nodes of a tree with leaves leaves.
func Width(leaves uint32) uint32 {
	if leaves == 0 {
		return 0
	}
	return 2*leaves - 1
}

// Root returns the root of a tree with leaves leaves, a power of two.
func Root(leaves uint32) Node { return Node(leaves - 1) }

// FullSize returns the smallest power of two that is at least leaves.
func FullSize(leaves uint32) uint32 {
	if leaves <= 1 {
		return leaves
	}
	return 1 << bits.Len32(leaves-1)
}

// CommonAncestor returns the lowest node above both leaves.
func CommonAncestor(a, b Leaf) Node {
	x, y := a.Node(), b.Node()
	if x == y {
		return x
	}
	k := bits.Len32(uint32(x ^ y)) // levels up to the common ancestor
	return Node(uint32(x)>>k<<k + 1<<(k-1) - 1)
}

// DirectPath returns the ancestors of n up to the root, n excluded.
func DirectPath(n Node, leaves uint32) []Node {
	root := Root(leaves)
	if n == root {
		return nil
	}
	path := make([]Node, 0, root.Level()-n.Level())
	for n != root {
		n = n.Parent()
		path = append(path, n)
	}
	return path
}
