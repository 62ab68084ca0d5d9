// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/mls/internal/framing"
	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/secrettree"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// Process verifies a message of the group, by a member or from outside: an MLSMessage
// that holds a PrivateMessage or PublicMessage.
//
// An application message and a proposal spend their key: persist the delta before
// the result is used. A commit changes nothing until Apply. On error nothing
// has changed.
func (g *Group) Process(msg []byte, now time.Time) (Received, Delta, error) {
	if g.removed {
		return nil, Delta{}, ErrNotMember
	}
	m, err := wire.ParseMessage(bytes.Clone(msg))
	if err != nil {
		return nil, Delta{}, malformed("message", err)
	}
	switch {
	case m.Private != nil:
		return g.processPrivate(m.Private, now)
	case m.Public != nil:
		return g.processPublic(m.Public, now)
	default:
		return nil, Delta{}, fmt.Errorf("%w: no message of a group", ErrMalformed)
	}
}

// epochAt is what it takes to unprotect messages of an epoch.
type epochAt struct {
	encoded    []byte // group context
	framed     bool   // whether AAD must be a SafeAAD
	senderData suite.Secret
	tree       *secrettree.Tree
	leaf       func(treemath.Leaf) *tree.Leaf
}

// at finds the epoch of a message. Handshakes count in the present one only.
func (g *Group) at(group []byte, epoch uint64, handshake bool) (*epochAt, error) {
	st := g.state
	if !bytes.Equal(group, st.context.GroupID) {
		return nil, ErrOtherGroup
	}
	switch {
	case epoch > st.context.Epoch:
		return nil, ErrEpochAhead
	case epoch == st.context.Epoch && g.reinit != nil:
		return nil, ErrReInit
	case epoch == st.context.Epoch:
		return &epochAt{st.encoded, st.framed, st.secrets.SenderData, st.secretTree(g.cfg.Policy), st.tree.Leaf}, nil
	case handshake:
		return nil, ErrEpochTooOld
	}
	for i, p := range g.past {
		if p.context.Epoch == epoch {
			leaf := func(l treemath.Leaf) *tree.Leaf { return g.pastLeaf(i, l) }
			return &epochAt{p.encoded, framesAAD(p.context.Extensions), p.senderData, p.secretTree(st.suite, g.cfg.Policy), leaf}, nil
		}
	}
	return nil, ErrEpochTooOld
}

func (g *Group) processPrivate(m *wire.PrivateMessage, now time.Time) (Received, Delta, error) {
	kind := secrettree.Handshake
	if m.Type == wire.ContentApplication {
		kind = secrettree.Application
	}
	e, err := g.at(m.GroupID, m.Epoch, kind == secrettree.Handshake)
	if err != nil {
		return nil, Delta{}, err
	}
	s := g.state.suite
	d, err := framing.OpenSenderData(s, e.senderData, m)
	if err != nil {
		return nil, Delta{}, malformed("sender data", err)
	}
	leaf := e.leaf(treemath.Leaf(d.Leaf))
	if err := g.state.tree.Err(); err != nil {
		return nil, Delta{}, err
	}
	if leaf == nil {
		return nil, Delta{}, rule.Broken("6.3.2-sender-leaf", "message by a leaf that is blank")
	}
	if treemath.Leaf(d.Leaf) == g.state.own {
		return nil, Delta{}, ErrOwnMessage
	}
	t := g.store.begin()
	key, err := e.tree.Take(t, kind, treemath.Leaf(d.Leaf), d.Generation)
	if err != nil {
		return nil, Delta{}, err
	}
	defer key.Wipe()
	content, err := framing.OpenPrivate(s, m, key, d)
	if err != nil {
		return nil, Delta{}, malformed("content", err)
	}
	if err := g.verify(leaf, content, e); err != nil {
		return nil, Delta{}, err
	}
	if m.Type != wire.ContentApplication {
		return g.handshake(t, content, now)
	}
	return &ApplicationMessage{
		Sender: LeafIndex(d.Leaf), Leaf: wrapLeaf(leaf.LeafNode), Epoch: m.Epoch, Generation: d.Generation,
		AAD: m.AAD, Data: content.Content.Application,
	}, t.commit(), nil
}

func (g *Group) verify(leaf *tree.Leaf, content *wire.AuthenticatedContent, e *epochAt) error {
	key, err := leaf.VerifyKey(g.state.suite)
	if err != nil {
		return err
	}
	if err := framing.Verify(g.state.suite, key, content, e.encoded); err != nil {
		return err
	}
	return checkAAD(e.framed, content.Content.AAD)
}

func (g *Group) processPublic(m *wire.PublicMessage, now time.Time) (Received, Delta, error) {
	if m.Content.Type == wire.ContentApplication {
		return nil, Delta{}, rule.Broken("6-application-private", "application data must be encrypted")
	}
	e, err := g.at(m.Content.GroupID, m.Content.Epoch, true)
	if err != nil {
		return nil, Delta{}, err
	}
	if m.Content.Sender.Type != wire.SenderMember {
		return g.processOutside(m, now)
	}
	sender := treemath.Leaf(m.Content.Sender.Index)
	leaf := e.leaf(sender)
	if err := g.state.tree.Err(); err != nil {
		return nil, Delta{}, err
	}
	if leaf == nil {
		return nil, Delta{}, rule.Broken("6.1-sender-leaf", "message by a leaf that is blank")
	}
	content, err := framing.OpenPublic(g.state.suite, g.state.secrets.Membership, m, e.encoded)
	if err != nil {
		return nil, Delta{}, err
	}
	if err := g.verify(leaf, content, e); err != nil {
		return nil, Delta{}, err
	}
	if sender == g.state.own {
		return nil, Delta{}, ErrOwnMessage
	}
	return g.handshake(g.store.begin(), content, now)
}

// handshake takes up a verified proposal or commit.
func (g *Group) handshake(t *txn, content *wire.AuthenticatedContent, now time.Time) (Received, Delta, error) {
	if err := g.whole(); err != nil {
		return nil, Delta{}, err
	}
	if content.Content.Type == wire.ContentCommit {
		s, err := g.stageForeign(content, now)
		if err != nil {
			return nil, Delta{}, err
		}
		return s, Delta{}, nil
	}
	q := refer(g.state.suite, content)
	if err := g.state.checkReceived(q, &g.cfg, now); err != nil {
		return nil, Delta{}, err
	}
	if err := g.cfg.authenticateProposal(g.state, q, now); err != nil {
		return nil, Delta{}, err
	}
	if err := g.remember(t, q); err != nil {
		return nil, Delta{}, err
	}
	return &ReceivedProposal{q.export(g.state.suite), content.Content.AAD}, t.commit(), nil
}

// checkReceived verifies a proposal that came by itself.
func (st *state) checkReceived(q *queued, cfg *Config, now time.Time) error {
	switch q.proposal.Type {
	case wire.ExternalInit:
		return rule.Broken("12.1.6-external-init", "ExternalInit by a member")
	case wire.SelfRemove:
		for _, l := range st.tree.Members() {
			if !l.Capabilities.SupportsProposal(wire.SelfRemove) {
				return rule.Broken("12.2-proposal-support", "SelfRemove in a group that does not support it")
			}
		}
	}
	return st.checkProposal(q, cfg, now)
}
