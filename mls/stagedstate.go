// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
	"github.com/securecrypt/securecrypt/mls/tlsenc"
)

// encode returns the record of an own staged commit: of the next tree, what
// differs from the present one.
func (s *StagedCommit) encode() []byte {
	w := newRecord()
	w.Opaque(s.message)
	w.Opaque(s.aad)
	w.Optional(s.path)
	s.effects.encode(w)
	w.Optional(s.welcome != nil)
	if s.welcome != nil {
		(&wire.Welcome{CipherSuite: s.base.suite.ID, Secrets: s.welcome.secrets, EncryptedGroupInfo: s.welcome.info}).Marshal(w)
	}
	s.next.writeEpoch(w)
	w.Opaque(s.next.secrets.Encryption)
	w.Opaque(s.next.secrets.Components)
	w.U32(s.tree.Leaves())
	w.Vector(func(w *tlsenc.Writer) {
		for n := range s.tree.Changes(s.base.tree) {
			w.U32(uint32(n))
			s.tree.Node(n).MarshalOptional(w)
		}
	})
	w.Vector(func(w *tlsenc.Writer) {
		for n, key := range s.next.private {
			w.U32(uint32(n))
			w.Opaque(key.raw)
		}
	})
	return w.Bytes()
}

// encode writes what a commit does to the group.
func (p *provisional) encode(w *tlsenc.Writer) {
	w.Vector(func(w *tlsenc.Writer) {
		for _, q := range p.proposals {
			q.proposal.Marshal(w)
			w.U8(uint8(q.sender.Type))
			w.U32(q.sender.Index)
			w.Optional(q.ref != nil)
			if q.ref != nil {
				w.Opaque(q.ref)
			}
		}
	})
	p.extensions.Marshal(w)
	for _, list := range [][]treemath.Leaf{p.added, p.updated, p.removed} {
		w.Vector(func(w *tlsenc.Writer) {
			for _, i := range list {
				w.U32(uint32(i))
			}
		})
	}
}

func readProvisional(r *tlsenc.Reader) *provisional {
	p := new(provisional)
	for v := r.Vector(); !v.Empty(); {
		q := newQueued(wire.ReadProposal(v), wire.Sender{Type: wire.SenderType(v.U8()), Index: v.U32()})
		if v.Optional() {
			q.ref = v.Opaque()
		}
		p.proposals = append(p.proposals, q)
		switch q.proposal.Type {
		case wire.Add:
			p.adds = append(p.adds, q)
		case wire.ReInit:
			p.reinit = &q.proposal.ReInit
		}
	}
	p.extensions = wire.ReadExtensions(r)
	for _, list := range []*[]treemath.Leaf{&p.added, &p.updated, &p.removed} {
		for v := r.Vector(); !v.Empty(); {
			*list = append(*list, treemath.Leaf(v.U32()))
		}
	}
	return p
}

func (g *Group) loadStaged() error {
	b, err := g.store.get(commitKey)
	if err != nil || b == nil {
		return err
	}
	if err := g.state.tree.Fill(); err != nil {
		return err
	}
	s, err := decodeStaged(g.state, b)
	if err != nil {
		return corrupt("staged commit", err)
	}
	g.staged = s
	return nil
}

func decodeStaged(base *state, b []byte) (*StagedCommit, error) {
	r := openRecord(b)
	s := &StagedCommit{base: base, committer: base.own, own: true, message: r.Opaque(), aad: r.Opaque(), path: r.Optional()}
	s.effects = readProvisional(r)
	if r.Optional() {
		m := wire.ReadWelcome(r)
		s.welcome = &welcomeParts{info: m.EncryptedGroupInfo, secrets: m.Secrets}
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	next, err := readEpoch(r)
	if err != nil {
		return nil, err
	}
	s.next = next
	next.secrets.Encryption, next.secrets.Components = r.Opaque(), r.Opaque()
	leaves := r.U32()
	changes := make(map[treemath.Node]wire.Node)
	for v := r.Vector(); !v.Empty(); {
		changes[treemath.Node(v.U32())] = wire.ReadOptionalNode(v)
	}
	next.private = make(map[treemath.Node]*privateKey)
	for v := r.Vector(); !v.Empty(); {
		next.private[treemath.Node(v.U32())] = &privateKey{raw: suite.Secret(v.Opaque())}
	}
	if leaves == 0 || leaves > tree.MaxLeaves || leaves&(leaves-1) != 0 {
		r.Fail(tlsenc.ErrMalformed)
	}
	if err := r.Done(); err != nil {
		return nil, err
	}
	if s.tree, err = base.tree.Patch(leaves, changes); err != nil {
		return nil, err
	}
	next.tree = s.tree
	if next.suite != base.suite || next.own != base.own || s.tree.Leaf(next.own) == nil || len(next.secrets.Encryption) != next.suite.HashSize() ||
		len(next.secrets.Components) != next.suite.HashSize() {
		return nil, errState
	}
	s.effects.tree = s.tree
	return s, nil
}
