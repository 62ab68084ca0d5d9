// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// Reader reads a node from where a tree is kept. A blank one has neither leaf nor
// parent.
type Reader func(treemath.Node) (wire.Node, error)

// unread is a tree of which nothing is in memory but leaves that were asked for.
type unread struct {
	leaves uint32
	read   Reader
	known  map[treemath.Leaf]*Leaf
	err    error // of a read, until Err reports it
}

// Load restores a tree of a given number of leaves. Leaf reads single leaves, and the
// first other look at nodes reads the whole tree: call Fill before, to learn whether that
// succeeds. Hashes, paths and changes are for trees that are filled, as clones are.
func Load(s *suite.Suite, leaves uint32, read Reader) *Tree {
	return &Tree{suite: s, unread: &unread{leaves: leaves, read: read, known: make(map[treemath.Leaf]*Leaf)}}
}

// Fill reads what is not read yet. Nothing is read afterwards.
func (t *Tree) Fill() error {
	if t.unread == nil {
		return nil
	}
	full := &Tree{suite: t.suite, nodes: make([]entry, treemath.Width(t.unread.leaves))}
	for i := range full.nodes {
		if l := t.unread.known[treemath.Node(i).Leaf()]; l != nil && treemath.Node(i).IsLeaf() {
			full.nodes[i].leaf = l
			continue
		}
		n, err := t.unread.read(treemath.Node(i))
		if err != nil {
			return err
		}
		if err := full.nodes[i].place(treemath.Node(i), n); err != nil {
			return err
		}
	}
	*t = *full
	return nil
}

// Err returns, once, why Leaf or a method that needs the whole tree found leaves or
// nodes blank that are not.
func (t *Tree) Err() error {
	if t.unread == nil {
		return nil
	}
	err := t.unread.err
	t.unread.err = nil
	return err
}

// all returns the nodes. If they cannot be read, all are blank and Err tells.
func (t *Tree) all() []entry {
	if t.unread != nil {
		if err := t.Fill(); err != nil {
			t.unread.err = err
			return make([]entry, treemath.Width(t.unread.leaves))
		}
	}
	return t.nodes
}

func (u *unread) leaf(i treemath.Leaf) *Leaf {
	if l, ok := u.known[i]; ok {
		return l
	}
	var e entry
	n, err := u.read(i.Node())
	if err == nil {
		err = e.place(i.Node(), n)
	}
	if err != nil {
		u.err = err
		return nil
	}
	u.known[i] = e.leaf
	return e.leaf
}
