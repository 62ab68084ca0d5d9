// SPDX-License-Identifier: Apache-2.0

package secrettree

import (
	"bytes"

	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
)

// Exporter is a view of one epoch's exporter tree in a store: a tree of secrets with
// a leaf for each component (draft-ietf-mls-extensions). Each secret can be taken once.
type Exporter struct {
	Suite *suite.Suite
	Epoch uint64
}

const components = 1 << 16

func (t *Exporter) nodeKey(n treemath.Node) string {
	return record(t.Epoch, 'x', uint32(n))
}

// Init begins the tree with its root, which it takes over.
func (t *Exporter) Init(st Store, root suite.Secret) {
	st.Put(t.nodeKey(treemath.Root(components)), root)
}

// Take takes the secret of a component and erases what it derives from.
func (t *Exporter) Take(st Store, component uint16) (suite.Secret, error) {
	leaf := treemath.Leaf(component)
	n, root := leaf.Node(), treemath.Root(components)
	for {
		v, err := st.Get(t.nodeKey(n))
		if err != nil {
			return nil, err
		}
		if v != nil {
			return t.open(st, n, leaf, bytes.Clone(v))
		}
		if n == root {
			return nil, ErrUsed
		}
		n = n.Parent()
	}
}

// open derives the secret of a leaf from that of a node above it, and keeps those off
// the path.
func (t *Exporter) open(st Store, n treemath.Node, leaf treemath.Leaf, secret suite.Secret) (suite.Secret, error) {
	if len(secret) != t.Suite.HashSize() {
		return nil, errCorrupt
	}
	st.Delete(t.nodeKey(n))
	for !n.IsLeaf() {
		left, right := halves(t.Suite, secret)
		if n.Left().Contains(leaf) {
			st.Put(t.nodeKey(n.Right()), right)
			n, secret = n.Left(), left
		} else {
			st.Put(t.nodeKey(n.Left()), left)
			n, secret = n.Right(), right
		}
	}
	return secret, nil
}

// Erase deletes all records of the tree.
func (t *Exporter) Erase(st Store) error { return t.erase(st, treemath.Root(components)) }

// erase goes below the nodes that are opened.
func (t *Exporter) erase(st Store, n treemath.Node) error {
	v, err := st.Get(t.nodeKey(n))
	switch {
	case err != nil:
		return err
	case v != nil:
		st.Delete(t.nodeKey(n))
		return nil
	case n.IsLeaf():
		return nil
	}
	if err := t.erase(st, n.Left()); err != nil {
		return err
	}
	return t.erase(st, n.Right())
}
