// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
)

// Apply enters the epoch of a staged commit, own or foreign. If the commit removes
// this client, the delta deletes all but a note that it was a member. If it holds a
// ReInit, the group ends: late messages can be read, and nothing be sent.
func (g *Group) Apply(s *StagedCommit) (Delta, error) {
	if err := g.owns(s); err != nil {
		return Delta{}, err
	}
	t := g.store.begin()
	if s.next == nil {
		return g.applyRemoval(t)
	}
	past, expired, err := g.retire(t, s)
	if err != nil {
		return Delta{}, err
	}
	old := g.state
	for n := range s.tree.Changes(old.tree) {
		if node := s.tree.Node(n); node.Blank() {
			t.Delete(treeKey(n))
		} else {
			t.Put(treeKey(n), encodeNode(node))
		}
	}
	var spent []suite.Secret
	for n, key := range old.private {
		if s.next.private[n] != key {
			spent = append(spent, key.raw)
			t.Delete(privateNodeKey(n)) // enter puts the new one
		}
	}
	g.deleteProposals(t)
	if g.staged != nil {
		t.Delete(commitKey)
	}
	if g.staged != nil && g.staged != s {
		spent = append(spent, g.staged.secrets()...)
	}
	spent = append(spent, old.secrets.Init, old.secrets.Exporter, old.secrets.External,
		old.secrets.Membership, old.secrets.Authenticator)
	g.state, g.past, g.pending, g.staged, g.reinit = s.next, past, nil, nil, s.effects.reinit
	g.enter(t)
	delta := t.commit()
	for _, secret := range spent {
		secret.Wipe()
	}
	for _, p := range expired {
		p.senderData.Wipe()
		p.resumption.Wipe()
		g.store.forget(epochPrefix(p.context.Epoch))
	}
	return delta, nil
}

func (g *Group) owns(s *StagedCommit) error {
	switch {
	case g.removed:
		return ErrNotMember
	case s == nil || s.base != g.state || s.own && g.staged != s:
		return ErrStale
	default:
		return nil
	}
}

// retire makes the present epoch a past one and ends those that leave the window.
func (g *Group) retire(t *txn, s *StagedCommit) (past, expired []*pastEpoch, err error) {
	st, policy := g.state, g.cfg.Policy
	if err := st.secretTree(policy).EndHandshakes(t); err != nil {
		return nil, nil, err
	}
	if err := st.exporter().Erase(t); err != nil {
		return nil, nil, err
	}
	now := st.retire(s.tree)
	past = append(append(past, g.past...), now)
	t.Put(pastKey(now.context.Epoch), now.encode())
	for len(past) > max(0, policy.PastEpochs) {
		if err := past[0].erase(t, st.suite, policy); err != nil {
			return nil, nil, err
		}
		expired, past = append(expired, past[0]), past[1:]
	}
	return past, expired, nil
}

// secrets lists the secrets that only a staged commit holds.
func (s *StagedCommit) secrets() []suite.Secret {
	if s.next == nil {
		return nil
	}
	e := s.next.secrets
	out := []suite.Secret{e.SenderData, e.Encryption, e.Exporter, e.External, e.Membership, e.Resumption, e.Authenticator, e.Init, e.Components}
	for n, key := range s.next.private {
		if s.base.private[n] != key {
			out = append(out, key.raw)
		}
	}
	return out
}

// Discard forgets a staged commit, which must not be used afterwards. For a foreign
// one there is nothing to persist.
func (g *Group) Discard(s *StagedCommit) (Delta, error) {
	if err := g.owns(s); err != nil {
		return Delta{}, err
	}
	if !s.own {
		return Delta{}, nil
	}
	t := g.store.begin()
	t.Delete(commitKey)
	g.staged = nil
	for _, secret := range s.secrets() {
		secret.Wipe()
	}
	return t.commit(), nil
}

// applyRemoval erases everything but the fact of former membership.
func (g *Group) applyRemoval(t *txn) (Delta, error) {
	st, policy := g.state, g.cfg.Policy
	if err := st.secretTree(policy).Erase(t); err != nil {
		return Delta{}, err
	}
	if err := st.exporter().Erase(t); err != nil {
		return Delta{}, err
	}
	for _, p := range g.past {
		if err := p.erase(t, st.suite, policy); err != nil {
			return Delta{}, err
		}
	}
	for i := range st.tree.Width() {
		if !st.tree.Node(i).Blank() {
			t.Delete(treeKey(i))
		}
	}
	for n := range st.private {
		t.Delete(privateNodeKey(n))
	}
	g.deleteProposals(t)
	if g.staged != nil {
		t.Delete(commitKey)
	}
	g.removed = true
	g.state = &state{suite: st.suite, context: st.context, own: st.own, private: map[treemath.Node]*privateKey{}}
	g.past, g.pending, g.staged = nil, nil, nil
	t.Put(groupKey, g.encodeGroup())
	delta := t.commit()
	g.store.forget(ratchetPrefix)
	for _, key := range st.private {
		key.raw.Wipe()
	}
	return delta, nil
}
