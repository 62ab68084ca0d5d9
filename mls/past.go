// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"fmt"
	"strconv"

	"github.com/securecrypt/securecrypt/mls/internal/secrettree"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
	"github.com/securecrypt/securecrypt/mls/tlsenc"
)

// pastEpoch is what is kept to decrypt late messages of an epoch that is over.
type pastEpoch struct {
	context    wire.GroupContext
	encoded    []byte
	senderData suite.Secret
	resumption suite.Secret
	leaves     uint32
	// changed holds the leaves that the next epoch replaced, as they were; nil
	// is a blank one.
	changed map[treemath.Leaf]*tree.Leaf
}

// retire turns an epoch into a past one, before next.
func (st *state) retire(next *tree.Tree) *pastEpoch {
	p := &pastEpoch{
		context:    st.context,
		encoded:    st.encoded,
		senderData: st.secrets.SenderData,
		resumption: st.secrets.Resumption,
		leaves:     st.tree.Leaves(),
		changed:    make(map[treemath.Leaf]*tree.Leaf),
	}
	for n := range next.Changes(st.tree) {
		if n.IsLeaf() {
			p.changed[n.Leaf()] = st.tree.Leaf(n.Leaf())
		}
	}
	return p
}

func (p *pastEpoch) secretTree(s *suite.Suite, policy Policy) *secrettree.Tree {
	return &secrettree.Tree{
		Suite: s, Epoch: p.context.Epoch, Leaves: p.leaves, Past: true,
		Limits: secrettree.Limits{MaxForward: policy.MaxForward, OutOfOrder: policy.OutOfOrder},
	}
}

// pastLeaf returns the leaf i of the past epoch at position at.
func (g *Group) pastLeaf(at int, i treemath.Leaf) *tree.Leaf {
	if uint32(i) >= g.past[at].leaves {
		return nil
	}
	for _, p := range g.past[at:] {
		if l, ok := p.changed[i]; ok {
			return l
		}
	}
	return g.state.tree.Leaf(i)
}

func (p *pastEpoch) encode() []byte {
	w := newRecord()
	p.context.Marshal(w)
	w.Opaque(p.senderData)
	w.Opaque(p.resumption)
	w.U32(p.leaves)
	w.Vector(func(w *tlsenc.Writer) {
		for i, l := range p.changed {
			w.U32(uint32(i))
			var n wire.Node
			if l != nil {
				n.Leaf = l.LeafNode
			}
			n.MarshalOptional(w)
		}
	})
	return w.Bytes()
}

func decodePast(b []byte) (*pastEpoch, error) {
	r := openRecord(b)
	p := &pastEpoch{
		context: wire.ReadGroupContext(r), senderData: r.Opaque(), resumption: r.Opaque(),
		leaves: r.U32(), changed: make(map[treemath.Leaf]*tree.Leaf),
	}
	for v := r.Vector(); !v.Empty(); {
		i := treemath.Leaf(v.U32())
		if n := wire.ReadOptionalNode(v); n.Leaf != nil {
			p.changed[i] = tree.NewLeaf(n.Leaf)
		} else {
			p.changed[i] = nil
		}
	}
	if p.leaves == 0 || p.leaves > tree.MaxLeaves || p.leaves&(p.leaves-1) != 0 {
		r.Fail(tlsenc.ErrMalformed)
	}
	p.encoded = p.context.Bytes()
	return p, r.Done()
}

func (g *Group) loadPast(epoch uint64) error {
	b, err := g.store.get(pastKey(epoch))
	if err != nil {
		return err
	}
	p, err := decodePast(b)
	if err != nil {
		return corrupt("past epoch", err)
	}
	if p.context.Epoch != epoch {
		return fmt.Errorf("%w: past epoch", errState)
	}
	g.past = append(g.past, p)
	return nil
}

// erase deletes all that is left of a past epoch.
func (p *pastEpoch) erase(t *txn, s *suite.Suite, policy Policy) error {
	t.Delete(pastKey(p.context.Epoch))
	return p.secretTree(s, policy).Erase(t)
}

// epochPrefix is the prefix of the ratchet records of an epoch.
func epochPrefix(epoch uint64) string { return ratchetPrefix + strconv.FormatUint(epoch, 10) + "/" }
