// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"slices"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// set replaces a node and forgets the hashes above it.
func (t *Tree) set(n treemath.Node, l *Leaf, p *Parent) {
	t.nodes[n] = entry{leaf: l, parent: p}
	for root := t.Root(); n != root; {
		n = n.Parent()
		if t.nodes[n].hash == nil {
			return // what is above is forgotten already
		}
		t.nodes[n].hash = nil
	}
}

// blankPath blanks the ancestors of a leaf.
func (t *Tree) blankPath(l treemath.Leaf) {
	for _, n := range treemath.DirectPath(l.Node(), t.Leaves()) {
		t.nodes[n] = entry{}
	}
}

// Update replaces a leaf and blanks its direct path (RFC 9420, Section 12.1.2).
func (t *Tree) Update(i treemath.Leaf, l *Leaf) {
	t.set(i.Node(), l, nil)
	t.blankPath(i)
}

// Remove blanks leaves and their direct paths and truncates the tree (RFC 9420,
// Section 12.1.3).
func (t *Tree) Remove(leaves ...treemath.Leaf) {
	for _, i := range leaves {
		t.set(i.Node(), nil, nil)
		t.blankPath(i)
	}
	for len(t.nodes) > 1 && t.empty(t.Root().Right()) {
		t.nodes = t.nodes[:t.Root():t.Root()]
	}
}

// Add places leaves at the leftmost blank places, in order, extending the tree as
// needed (RFC 9420, Section 12.1.1), and returns where they are.
func (t *Tree) Add(leaves ...*Leaf) ([]treemath.Leaf, error) {
	at := make([]treemath.Leaf, 0, len(leaves))
	next := treemath.Leaf(0)
	for _, l := range leaves {
		for uint32(next) < t.Leaves() && t.nodes[next.Node()].leaf != nil {
			next++
		}
		if uint32(next) == t.Leaves() {
			if err := t.extend(); err != nil {
				return nil, err
			}
		}
		t.set(next.Node(), l, nil)
		at = append(at, next)
		next++
	}
	t.addUnmerged(at)
	return at, nil
}

// Vacant returns the leftmost blank leaf, after extending the tree if there is
// none: the place of one who joins by an external commit (RFC 9420, Section 12.4.2).
func (t *Tree) Vacant() (treemath.Leaf, error) {
	i := treemath.Leaf(0)
	for uint32(i) < t.Leaves() && t.nodes[i.Node()].leaf != nil {
		i++
	}
	if uint32(i) == t.Leaves() {
		return i, t.extend()
	}
	return i, nil
}

func (t *Tree) extend() error {
	if t.Leaves() >= MaxLeaves {
		return rule.Broken("size-tree", "tree has no room for another leaf")
	}
	t.nodes = append(t.nodes, make([]entry, len(t.nodes)+1)...)
	return nil
}

// addUnmerged enters new leaves, in ascending order, into the parents above them.
func (t *Tree) addUnmerged(leaves []treemath.Leaf) {
	added := make(map[treemath.Node][]uint32)
	for _, l := range leaves {
		for _, n := range treemath.DirectPath(l.Node(), t.Leaves()) {
			if t.nodes[n].parent != nil {
				added[n] = append(added[n], uint32(l))
			}
		}
	}
	for n, list := range added {
		old := t.nodes[n].parent
		p := &Parent{ParentNode: &wire.ParentNode{
			EncryptionKey:  old.EncryptionKey,
			ParentHash:     old.ParentHash,
			UnmergedLeaves: slices.Concat(old.UnmergedLeaves, list),
		}, encryption: old.encryption}
		slices.Sort(p.UnmergedLeaves)
		t.set(n, nil, p)
	}
}

// Patch returns a copy of the tree with a number of leaves and some nodes
// replaced.
func (t *Tree) Patch(leaves uint32, nodes map[treemath.Node]wire.Node) (*Tree, error) {
	p := &Tree{suite: t.suite, nodes: make([]entry, treemath.Width(leaves))}
	old := t.all()
	for i := range p.nodes {
		if i < len(old) {
			p.nodes[i] = entry{leaf: old[i].leaf, parent: old[i].parent}
		}
	}
	for i, n := range nodes {
		if int(i) >= len(p.nodes) {
			continue // beyond the truncated end
		}
		p.nodes[i] = entry{}
		if err := p.nodes[i].place(i, n); err != nil {
			return nil, err
		}
	}
	return p, nil
}
