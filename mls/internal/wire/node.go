// SPDX-License-Identifier: Apache-2.0

package wire

import "github.com/securecrypt/securecrypt/mls/tlsenc"

// ParentNode is defined in RFC 9420, Section 7.1.
type ParentNode struct {
	EncryptionKey  []byte
	ParentHash     []byte
	UnmergedLeaves []uint32 // ascending
}

// Marshal encodes the node.
func (p *ParentNode) Marshal(w *tlsenc.Writer) {
	w.Opaque(p.EncryptionKey)
	w.Opaque(p.ParentHash)
	w.Vector(func(w *tlsenc.Writer) {
		for _, l := range p.UnmergedLeaves {
			w.U32(l)
		}
	})
}

func readParentNode(r *tlsenc.Reader) *ParentNode {
	p := &ParentNode{EncryptionKey: r.Opaque(), ParentHash: r.Opaque()}
	v := r.Vector()
	if n := len(v.Rest()) / 4; n > 0 {
		p.UnmergedLeaves = make([]uint32, 0, n)
	}
	for !v.Empty() {
		p.UnmergedLeaves = append(p.UnmergedLeaves, v.U32())
	}
	return p
}

const (
	nodeLeaf   = 1
	nodeParent = 2
)

// Node is one entry of a ratchet_tree: a leaf, a parent, or blank.
type Node struct {
	Leaf   *LeafNode
	Parent *ParentNode
}

// Blank reports whether there is neither leaf nor parent.
func (n Node) Blank() bool { return n.Leaf == nil && n.Parent == nil }

// Size is about how long the encoding is, and no shorter.
func (n Node) Size() int {
	switch {
	case n.Leaf != nil:
		return 2 + len(n.Leaf.Bytes())
	case n.Parent != nil:
		return 16 + len(n.Parent.EncryptionKey) + len(n.Parent.ParentHash) + 4*len(n.Parent.UnmergedLeaves)
	default:
		return 1
	}
}

// MarshalOptional encodes optional<Node>.
func (n Node) MarshalOptional(w *tlsenc.Writer) {
	w.Optional(!n.Blank())
	switch {
	case n.Leaf != nil:
		w.U8(nodeLeaf)
		w.Raw(n.Leaf.Bytes())
	case n.Parent != nil:
		w.U8(nodeParent)
		n.Parent.Marshal(w)
	}
}

// ReadOptionalNode decodes optional<Node>.
func ReadOptionalNode(r *tlsenc.Reader) Node { return readOptionalNode(r, nil) }

func readOptionalNode(r *tlsenc.Reader, shared *sharedCapabilities) Node {
	if !r.Optional() {
		return Node{}
	}
	switch r.U8() {
	case nodeLeaf:
		return Node{Leaf: readLeafNode(r, shared)}
	case nodeParent:
		return Node{Parent: readParentNode(r)}
	default:
		r.Fail(tlsenc.ErrMalformed)
		return Node{}
	}
}

// MarshalTree encodes a ratchet_tree (RFC 9420, Section 12.4.3.3).
func MarshalTree(nodes []Node) []byte {
	size := 8
	for _, n := range nodes {
		size += n.Size()
	}
	w := tlsenc.NewWriter(size)
	w.Vector(func(w *tlsenc.Writer) {
		for _, n := range nodes {
			n.MarshalOptional(w)
		}
	})
	return w.Bytes()
}

// MaxTreeNodes bounds the nodes of a ratchet_tree: a blank one takes one byte
// on the wire, and much more in memory.
const MaxTreeNodes = 1<<18 - 1

// ParseTree decodes a ratchet_tree as it stands. Leaves that say the same of their
// capabilities share them.
func ParseTree(b []byte) ([]Node, error) {
	r := tlsenc.NewReader(b)
	var nodes []Node
	var shared sharedCapabilities
	for v := r.Vector(); !v.Empty(); {
		if len(nodes) == MaxTreeNodes {
			v.Fail(tlsenc.ErrMalformed)
		}
		nodes = append(nodes, readOptionalNode(v, &shared))
	}
	return nodes, r.Done()
}
