// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"crypto/hpke"
	"time"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/schedule"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// stageForeign verifies a commit by another member or by one who joins with it, whose
// signature is verified already, and derives the next epoch (RFC 9420,
// Section 12.4.2).
func (g *Group) stageForeign(content *wire.AuthenticatedContent, now time.Time) (*StagedCommit, error) {
	st, commit := g.state, content.Content.Commit
	list, err := g.resolve(commit, content.Content.Sender)
	if err != nil {
		return nil, err
	}
	p, err := st.apply(list, content.Content.Sender, &g.cfg, func(q *queued) error { return st.checkProposal(q, &g.cfg, now) })
	if err != nil {
		return nil, err
	}
	if p.pathNeeded && commit.Path == nil {
		return nil, rule.Broken("12.4-path-missing", "commit lacks the update path that it needs")
	}
	s := &StagedCommit{
		base: st, tree: p.tree, committer: p.committer, aad: content.Content.AAD,
		path: commit.Path != nil, effects: p,
	}
	var steps []tree.Step
	if commit.Path != nil {
		if steps, err = st.mergePath(p, commit.Path); err != nil {
			return nil, err
		}
	}
	if err := g.cfg.authenticateCommit(st, p, pathLeaf(commit.Path), now); err != nil {
		return nil, err
	}
	if p.tree.Leaf(st.own) == nil || p.removes(st.own) {
		return s, nil
	}
	init, err := st.initSecret(p)
	if err != nil {
		return nil, err
	}
	if p.outside {
		defer init.Wipe()
	}
	psk, err := combine(st.suite, p.psks, g.psk)
	if err != nil {
		return nil, err
	}
	next := &state{suite: st.suite, tree: p.tree, own: st.own, signer: st.signer}
	next.takeOwnUpdate(st, list)
	commitSecret := st.suite.Zero()
	if commit.Path != nil {
		if commitSecret, err = next.openPath(st, p, steps, commit.Path); err != nil {
			return nil, err
		}
	}
	st.advance(next, p, content, init, commitSecret, psk)
	if !next.secrets.Confirms(next.context.ConfirmedTranscriptHash, content.Auth.ConfirmationTag) {
		return nil, rule.Broken("12.4.2-confirmation-tag", "commit has a wrong confirmation tag")
	}
	next.confirm(content.Auth.ConfirmationTag)
	s.next = next
	return s, nil
}

func pathLeaf(path *wire.UpdatePath) *tree.Leaf {
	if path == nil {
		return nil
	}
	return tree.NewLeaf(path.Leaf)
}

// initSecret returns what the next epoch begins with: the secret that this one
// hands on, or that of one who joins from outside (RFC 9420, Section 8.3).
func (st *state) initSecret(p *provisional) (schedule.Init, error) {
	if !p.outside {
		return st.secrets.Next(), nil
	}
	init, err := st.secrets.ReceiveInit(p.kemOutput)
	if err != nil {
		return schedule.Init{}, rule.Broken("8.3-external-init", "ExternalInit does not open")
	}
	return init, nil
}

// resolve finds the proposals that a commit refers to.
func (g *Group) resolve(commit *wire.Commit, sender wire.Sender) ([]*queued, error) {
	var known map[string]*queued
	list := make([]*queued, 0, len(commit.Proposals))
	seen := make(map[string]struct{})
	for _, p := range commit.Proposals {
		if p.Proposal != nil {
			list = append(list, newQueued(p.Proposal, sender))
			continue
		}
		if known == nil {
			known = make(map[string]*queued, len(g.pending))
			for _, q := range g.pending {
				known[string(q.ref)] = q
			}
		}
		q := known[string(p.Ref)]
		if q == nil {
			return nil, ErrUnknownProposal
		}
		if _, twice := seen[string(p.Ref)]; twice {
			return nil, rule.Broken("12.4-reference-twice", "commit refers to a proposal twice")
		}
		seen[string(p.Ref)] = struct{}{}
		list = append(list, q)
	}
	return list, nil
}

// mergePath verifies the public part of an update path and puts it into the new
// tree (RFC 9420, Section 12.4.2).
func (st *state) mergePath(p *provisional, path *wire.UpdatePath) ([]tree.Step, error) {
	if path.Leaf.Source != wire.SourceCommit {
		return nil, rule.Broken("7.3-source-commit", "leaf of an update path has another source")
	}
	committer, old := p.committer, p.former
	if !p.outside {
		old = st.tree.Leaf(committer)
	}
	if old != nil && bytes.Equal(old.EncryptionKey, path.Leaf.EncryptionKey) {
		return nil, rule.Broken("12.4.2-committer-key", "update path keeps the committer's encryption key")
	}
	leaf := tree.NewLeaf(path.Leaf)
	if err := checkLeaf(st.suite, leaf, st.context.GroupID, uint32(committer)); err != nil {
		return nil, err
	}
	if err := checkPathKeys(p.tree, path); err != nil {
		return nil, err
	}
	steps, err := p.tree.Merge(committer, path)
	if err != nil {
		return nil, err
	}
	if err := p.tree.CheckPathLengths(steps, path, p.skip()); err != nil {
		return nil, err
	}
	return steps, p.checkCommitter()
}

// takeOwnUpdate sets the private keys that the next epoch inherits, and what an own
// Update in the commit brings.
func (st *state) takeOwnUpdate(old *state, list []*queued) {
	fresh := make(map[treemath.Node]*privateKey)
	for _, q := range list {
		if q.proposal.Type == wire.Update && treemath.Leaf(q.sender.Index) == st.own && q.private != nil {
			fresh[st.own.Node()] = &privateKey{raw: bytes.Clone(q.private)}
			st.signer = q.signer
		}
	}
	st.private = old.inherit(st.tree, fresh)
}

// openPath decrypts the own part of an update path, adds its keys and returns the
// commit secret.
func (st *state) openPath(old *state, p *provisional, steps []tree.Step, path *wire.UpdatePath) (suite.Secret, error) {
	context := p.context(old, st.tree).Bytes()
	keys, err := st.tree.Open(st.own, steps, path, context, p.skip(), func(n treemath.Node) (hpke.PrivateKey, error) {
		return st.private[n].key(st.suite)
	})
	if err != nil {
		return nil, err
	}
	fresh, err := pathPrivate(keys)
	if err != nil {
		return nil, err
	}
	for n, key := range fresh {
		st.private[n] = key
	}
	for _, secret := range keys.Secrets {
		secret.Wipe()
	}
	return keys.Commit, nil
}
