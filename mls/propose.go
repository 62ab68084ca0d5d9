// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// maxPending bounds the proposals that are remembered in an epoch.
const maxPending = 4096

// ProposalOptions are the options of the Propose methods.
type ProposalOptions struct {
	AAD        []byte
	WireFormat WireFormat
	Padding    int
}

// ProposeAdd proposes to add a client, whose key package must be valid now.
func (g *Group) ProposeAdd(kp *KeyPackage, now time.Time, o ProposalOptions) ([]byte, Delta, error) {
	q := newQueued(&wire.Proposal{Type: wire.Add, Add: kp.kp}, wire.Sender{})
	if err := g.cfg.Policy.checkSent(kp.kp.Leaf, now); err != nil {
		return nil, Delta{}, err
	}
	if err := g.cfg.authenticate(kp.kp.Leaf, now); err != nil {
		return nil, Delta{}, err
	}
	return g.propose(q, o)
}

// ProposeRemove proposes to remove a member.
func (g *Group) ProposeRemove(i LeafIndex, o ProposalOptions) ([]byte, Delta, error) {
	return g.propose(newQueued(&wire.Proposal{Type: wire.Remove, Remove: uint32(i)}, wire.Sender{}), o)
}

// ProposeUpdate proposes a fresh own leaf.
func (g *Group) ProposeUpdate(u LeafUpdate, o ProposalOptions) ([]byte, Delta, error) {
	if err := g.usable(); err != nil {
		return nil, Delta{}, err
	}
	st := g.state
	private, public, err := newKeyPair(st.suite, g.cfg.Rand)
	if err != nil {
		return nil, Delta{}, err
	}
	leaf, signer := st.nextLeaf(&u)
	leaf.Source = wire.SourceUpdate
	leaf.EncryptionKey = public
	if err := signLeaf(st.suite, signer, leaf, st.context.GroupID, uint32(st.own)); err != nil {
		return nil, Delta{}, err
	}
	q := newQueued(&wire.Proposal{Type: wire.Update, Update: leaf}, wire.Sender{})
	q.private, q.signer = private, signer
	return g.propose(q, o)
}

// nextLeaf returns an unsigned copy of the own leaf with changes, and its signing key.
func (st *state) nextLeaf(u *LeafUpdate) (*wire.LeafNode, *suite.SigningKey) {
	old := st.tree.Leaf(st.own).LeafNode
	l := &wire.LeafNode{
		SignatureKey: old.SignatureKey,
		Credential:   old.Credential,
		Capabilities: old.Capabilities,
		Extensions:   old.Extensions,
	}
	signer := st.signer
	if u == nil {
		return l, signer
	}
	if u.SigningKey != nil {
		signer = u.SigningKey.key
		l.SignatureKey = signer.Public
	}
	if u.Credential != nil {
		l.Credential = u.Credential.wire()
	}
	if u.Capabilities != nil {
		l.Capabilities = u.Capabilities.wire()
	}
	if u.Extensions != nil {
		l.Extensions = extensionsToWire(u.Extensions)
	}
	return l, signer
}

// ProposeExtensions proposes to replace all extensions of the group context.
func (g *Group) ProposeExtensions(e []Extension, o ProposalOptions) ([]byte, Delta, error) {
	p := &wire.Proposal{Type: wire.GroupContextExtensions, Extensions: extensionsToWire(e)}
	return g.propose(newQueued(p, wire.Sender{}), o)
}

// ProposePSK proposes that the next epoch depend on a pre-shared key, which this member
// must know.
func (g *Group) ProposePSK(id PSKID, o ProposalOptions) ([]byte, Delta, error) {
	if err := g.usable(); err != nil {
		return nil, Delta{}, err
	}
	p, err := id.proposal(g.state.suite, g.cfg.Rand)
	if err != nil {
		return nil, Delta{}, err
	}
	if g.psk(p.PSK) == nil {
		return nil, Delta{}, ErrUnknownPSK
	}
	return g.propose(newQueued(p, wire.Sender{}), o)
}

// ProposeCustom proposes what the application has registered in its Config.
func (g *Group) ProposeCustom(c Custom, o ProposalOptions) ([]byte, Delta, error) {
	return g.propose(newQueued(c.proposal(), wire.Sender{}), o)
}

// ProposeSelfRemove proposes to leave (draft-ietf-mls-extensions). The draft wants
// PublicWire, for external joiners to see it; a group without external joins
// may use PrivateWire, and members accept both.
func (g *Group) ProposeSelfRemove(o ProposalOptions) ([]byte, Delta, error) {
	for _, q := range g.pending {
		if q.proposal.Type == wire.SelfRemove && q.sender.Index == uint32(g.state.own) {
			return nil, Delta{}, rule.Broken("ext-self-remove-once", "SelfRemove is proposed already")
		}
	}
	return g.propose(newQueued(&wire.Proposal{Type: wire.SelfRemove}, wire.Sender{}), o)
}

// propose checks, sends and remembers a proposal by this member.
func (g *Group) propose(q *queued, o ProposalOptions) ([]byte, Delta, error) {
	if err := g.whole(); err != nil {
		return nil, Delta{}, err
	}
	content := g.frame(o.AAD, o.WireFormat)
	content.Content.Type = wire.ContentProposal
	content.Content.Proposal = q.proposal
	q.sender = content.Content.Sender
	// A proposal that no commit could contain is not sent.
	alone := *q
	alone.ref = []byte{}
	other := g.state.own + 1 // any committer but the target
	if i, ok := alone.target(); ok {
		other = i + 1
	}
	cfg := g.cfg
	cfg.Policy.LateDelivery = -1 // its lifetime is judged by now
	_, err := g.state.apply([]*queued{&alone}, memberSender(other), &cfg, func(q *queued) error {
		return g.state.checkProposal(q, &cfg, time.Time{})
	})
	if err != nil {
		return nil, Delta{}, err
	}
	t := g.store.begin()
	msg, err := g.signAndSeal(t, content, o.Padding)
	if err != nil {
		return nil, Delta{}, err
	}
	sent := refer(g.state.suite, content)
	sent.private, sent.signer = q.private, q.signer
	if err := g.remember(t, sent); err != nil {
		return nil, Delta{}, err
	}
	return msg, t.commit(), nil
}

// DropProposal forgets a pending proposal that the application refuses. Commits that
// refer to it fail with ErrUnknownProposal.
func (g *Group) DropProposal(ref []byte) (Delta, error) {
	if err := g.usable(); err != nil {
		return Delta{}, err
	}
	i := slices.IndexFunc(g.pending, func(q *queued) bool { return bytes.Equal(q.ref, ref) })
	if i < 0 {
		return Delta{}, ErrUnknownProposal
	}
	t := g.store.begin()
	g.deleteProposals(t)
	g.pending = slices.Delete(g.pending, i, i+1)
	if len(g.pending) > 0 {
		g.putProposals(t, 0)
	}
	return t.commit(), nil
}

// remember adds a verified proposal to the pending ones.
func (g *Group) remember(t *txn, q *queued) error {
	for _, known := range g.pending {
		if string(known.ref) == string(q.ref) {
			return nil
		}
	}
	if len(g.pending) >= maxPending {
		return rule.Broken("size-proposals", "more than %d proposals in an epoch", maxPending)
	}
	g.pending = append(g.pending, q)
	g.putProposals(t, len(g.pending)-1)
	return nil
}
