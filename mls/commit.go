// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"time"

	"github.com/securecrypt/securecrypt/mls/internal/framing"
	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/schedule"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// CommitOptions says what a commit does.
type CommitOptions struct {
	// Now is the time at which key packages must be valid.
	Now time.Time
	// Add lists the key packages of new members.
	Add []*KeyPackage
	// Remove lists members to remove.
	Remove []LeafIndex
	// Extensions, unless nil, replaces all extensions of the group context.
	Extensions []Extension
	// Pending includes the pending proposals by reference, except those that are
	// invalid or contradict the others.
	Pending bool
	// NoPath leaves out the update path where that is allowed: cheaper, but
	// the committer's keys are not refreshed.
	NoPath bool
	// Leaf changes the own leaf; it forces a path.
	Leaf *LeafUpdate
	// AAD is authenticated and travels in the clear.
	AAD []byte
	// WireFormat of the commit.
	WireFormat WireFormat
	// Padding is how many zero bytes are added inside the encryption.
	Padding int
	// WelcomeInfo says what the welcomes' group info carries. Without the
	// ratchet tree, send StagedCommit.RatchetTree beside the welcome.
	WelcomeInfo GroupInfoOptions
}

// LeafUpdate changes the own leaf beside its encryption key. Nil fields keep
// what is.
type LeafUpdate struct {
	SigningKey   *SigningKey
	Credential   *Credential
	Capabilities *Capabilities
	Extensions   []Extension
}

// Stage builds a commit (RFC 9420, Section 12.4.1). The group stays in its epoch
// until Apply.
func (g *Group) Stage(o CommitOptions) (*StagedCommit, Delta, error) {
	if g.removed {
		return nil, Delta{}, ErrNotMember
	}
	if g.staged != nil {
		return nil, Delta{}, ErrPendingCommit
	}
	p, err := g.collect(&o)
	if err != nil {
		return nil, Delta{}, err
	}
	b := &builder{group: g, st: g.state, opts: &o, p: p}
	if p.pathNeeded || !o.NoPath || o.Leaf != nil {
		if err := b.buildPath(); err != nil {
			return nil, Delta{}, err
		}
	}
	t := g.store.begin()
	s, err := b.finish(t)
	if err != nil {
		return nil, Delta{}, err
	}
	t.Put(commitKey, s.encode())
	g.staged = s
	return s, t.commit(), nil
}

// builder makes a commit, step by step.
type builder struct {
	group *Group
	st    *state
	opts  *CommitOptions
	p     *provisional

	path   *wire.UpdatePath
	keys   *tree.PathKeys
	signer *suite.SigningKey
	fresh  map[treemath.Node]*privateKey
}

// buildPath puts fresh keys on the own direct path (RFC 9420, Section 7.5).
func (b *builder) buildPath() error {
	st, t := b.st, b.p.tree
	secret, err := draw(b.group.cfg.Rand, st.suite.HashSize())
	if err != nil {
		return err
	}
	private, public, err := newKeyPair(st.suite, b.group.cfg.Rand)
	if err != nil {
		return err
	}
	keys, parentHash, err := t.NewPath(st.own, secret)
	if err != nil {
		return err
	}
	leaf, signer := st.nextLeaf(b.opts.Leaf)
	leaf.Source = wire.SourceCommit
	leaf.EncryptionKey = public
	leaf.ParentHash = parentHash
	if err := signLeaf(st.suite, signer, leaf, st.context.GroupID, uint32(st.own)); err != nil {
		return err
	}
	placed := tree.NewLeaf(leaf)
	if err := checkLeaf(st.suite, placed, st.context.GroupID, uint32(st.own)); err != nil {
		return err
	}
	t.SetLeaf(st.own, placed)
	if err := b.p.checkCommitter(st.own); err != nil {
		return err
	}
	if b.fresh, err = pathPrivate(keys); err != nil {
		return err
	}
	b.fresh[st.own.Node()] = &privateKey{raw: private}
	b.keys, b.signer = keys, signer
	nodes, err := t.Seal(keys, b.p.context(st, t).Bytes(), b.p.skip())
	b.path = &wire.UpdatePath{Leaf: leaf, Nodes: nodes}
	return err
}

// checkCommitter verifies the leaf that a committer put in place.
func (p *provisional) checkCommitter(i treemath.Leaf) error {
	required, err := parseRequirements(p.extensions)
	if err != nil {
		return err
	}
	if err := required.check(p.tree.Leaf(i).LeafNode); err != nil {
		return err
	}
	if err := checkCredentials(p.tree); err != nil {
		return err
	}
	return checkNewKeys(p.tree, []treemath.Leaf{i})
}

// context is the provisional group context: that of the next epoch, with the
// confirmed transcript hash of this one (RFC 9420, Section 12.4.1).
func (p *provisional) context(st *state, t *tree.Tree) *wire.GroupContext {
	c := st.context
	c.Epoch++
	c.TreeHash = t.Hash()
	c.Extensions = p.extensions
	return &c
}

// finish signs the commit, derives the next epoch and makes the welcomes.
func (b *builder) finish(t *txn) (*StagedCommit, error) {
	st, p, g := b.st, b.p, b.group
	psk, inputs, err := g.psks(p.psks)
	if err != nil {
		return nil, err
	}
	content := g.frame(b.opts.AAD, b.opts.WireFormat)
	content.Content.Type = wire.ContentCommit
	content.Content.Commit = &wire.Commit{Path: b.path}
	for _, q := range p.proposals {
		por := wire.ProposalOrRef{Proposal: q.proposal}
		if q.ref != nil {
			por = wire.ProposalOrRef{Ref: q.ref}
		}
		content.Content.Commit.Proposals = append(content.Content.Commit.Proposals, por)
	}
	if err := framing.Sign(st.suite, st.signer, content, st.encoded); err != nil {
		return nil, err
	}
	commitSecret := st.suite.Zero()
	next := &state{suite: st.suite, tree: p.tree, own: st.own, signer: st.signer, private: st.inherit(p.tree, b.fresh)}
	if b.path != nil {
		commitSecret, next.signer = b.keys.Commit, b.signer
	}
	member, joiner := st.advance(next, p, content, commitSecret, psk)
	content.Auth.ConfirmationTag = next.secrets.Tag(next.context.ConfirmedTranscriptHash)
	next.confirm(content.Auth.ConfirmationTag)

	s := &StagedCommit{
		base: st, next: next, tree: p.tree, committer: st.own, aad: bytes.Clone(b.opts.AAD),
		path: b.path != nil, effects: p, own: true,
	}
	if len(p.adds) > 0 {
		if s.welcome, err = b.welcome(next, member, joiner, inputs); err != nil {
			return nil, err
		}
	}
	b.wipe()
	s.message, err = g.seal(t, content, b.opts.Padding)
	return s, err
}

// wipe erases the path secrets, which have served.
func (b *builder) wipe() {
	if b.keys == nil {
		return
	}
	for _, secret := range b.keys.Secrets {
		secret.Wipe()
	}
	b.keys.Commit.Wipe()
}

// advance sets the context and secrets of the next epoch (RFC 9420, Section 8).
func (st *state) advance(next *state, p *provisional, content *wire.AuthenticatedContent,
	commitSecret suite.Secret, psk schedule.PSKSecret) (schedule.Member, schedule.Joiner) {
	next.context = *p.context(st, next.tree)
	next.context.ConfirmedTranscriptHash = schedule.ConfirmedHash(st.suite, st.interim, content)
	joiner := st.secrets.Next().Commit(commitSecret, &next.context)
	member := joiner.PSK(psk)
	next.secrets = member.Epoch(&next.context)
	return member, joiner
}

// psks finds pre-shared keys and combines them.
func (g *Group) psks(ids []wire.PSKID) (schedule.PSKSecret, []wire.PSKID, error) {
	if len(ids) > maxPSKs {
		return schedule.PSKSecret{}, nil, rule.Broken("size-psks", "more than %d pre-shared keys", maxPSKs)
	}
	inputs := make([]schedule.PSKInput, 0, len(ids))
	for _, id := range ids {
		secret := g.psk(id)
		if secret == nil {
			return schedule.PSKSecret{}, nil, ErrUnknownPSK
		}
		inputs = append(inputs, schedule.PSKInput{ID: id, Secret: secret})
	}
	return schedule.CombinePSKs(g.state.suite, inputs), ids, nil
}

// maxPSKs is what the index of PSKLabel can count.
const maxPSKs = 1<<16 - 1

func (c *Config) externalPSK(id wire.PSKID) suite.Secret {
	if id.Type != wire.PSKExternal || c.PSKs == nil {
		return nil
	}
	secret, err := c.PSKs.ExternalPSK(id.ID)
	if err != nil {
		return nil
	}
	return secret
}

// psk returns a pre-shared key, nil if it is not known.
func (g *Group) psk(id wire.PSKID) suite.Secret {
	if id.Type == wire.PSKExternal {
		return g.cfg.externalPSK(id)
	}
	if !bytes.Equal(id.GroupID, g.state.context.GroupID) {
		return nil
	}
	if id.Epoch == g.state.context.Epoch {
		return g.state.secrets.Resumption
	}
	for _, p := range g.past {
		if p.context.Epoch == id.Epoch {
			return p.resumption
		}
	}
	return nil
}
