// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"io"
	"time"

	"github.com/securecrypt/securecrypt/mls/internal/framing"
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
	// PSKs lists pre-shared keys that the next epoch depends on, in this order.
	PSKs []PSKID
	// AppData and AppEphemeral list what components change and say.
	AppData      []AppDataUpdate
	AppEphemeral []AppEphemeral
	// Custom lists proposals that the application defines.
	Custom []Custom
	// ReInit, unless nil, ends the group; nothing else can be in the commit. Afterwards
	// Group.Reinitialize makes the successor.
	ReInit *ReInit
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
func (g *Group) Stage(o CommitOptions) (*StagedCommit, Delta, error) { return g.stage(&o) }

// stage builds a commit of what the options ask for, and of more proposals by value.
func (g *Group) stage(o *CommitOptions, more ...*queued) (*StagedCommit, Delta, error) {
	if err := g.whole(); err != nil {
		return nil, Delta{}, err
	}
	if g.staged != nil {
		return nil, Delta{}, ErrPendingCommit
	}
	p, err := g.collect(o, more)
	if err != nil {
		return nil, Delta{}, err
	}
	b := &builder{st: g.state, rand: g.cfg.Rand, p: p}
	if p.pathNeeded || !o.NoPath || o.Leaf != nil {
		leaf, signer := g.state.nextLeaf(o.Leaf)
		if err := b.buildPath(leaf, signer); err != nil {
			return nil, Delta{}, err
		}
	}
	t := g.store.begin()
	s, err := g.finish(t, b, o)
	if err != nil {
		return nil, Delta{}, err
	}
	t.Put(commitKey, s.encode())
	g.staged = s
	return s, t.commit(), nil
}

// builder makes a commit, step by step.
type builder struct {
	st   *state
	rand io.Reader
	p    *provisional

	path   *wire.UpdatePath
	keys   *tree.PathKeys
	signer *suite.SigningKey
	fresh  map[treemath.Node]*privateKey
}

// buildPath puts fresh keys on the committer's direct path (RFC 9420, Section 7.5).
// The leaf lacks only what a path gives it.
func (b *builder) buildPath(leaf *wire.LeafNode, signer *suite.SigningKey) error {
	st, t, own := b.st, b.p.tree, b.p.committer
	secret, err := draw(b.rand, st.suite.HashSize())
	if err != nil {
		return err
	}
	private, public, err := newKeyPair(st.suite, b.rand)
	if err != nil {
		return err
	}
	keys, parentHash, err := t.NewPath(own, secret)
	if err != nil {
		return err
	}
	leaf.Source = wire.SourceCommit
	leaf.EncryptionKey = public
	leaf.ParentHash = parentHash
	if err := signLeaf(st.suite, signer, leaf, st.context.GroupID, uint32(own)); err != nil {
		return err
	}
	placed := tree.NewLeaf(leaf)
	if err := checkOwnLeaf(st.suite, placed); err != nil {
		return err
	}
	t.SetLeaf(own, placed)
	if err := b.p.checkCommitter(); err != nil {
		return err
	}
	if b.fresh, err = pathPrivate(keys); err != nil {
		return err
	}
	b.fresh[own.Node()] = &privateKey{raw: private}
	b.keys, b.signer = keys, signer
	nodes, err := t.Seal(keys, b.p.context(st, t).Bytes(), b.p.skip())
	b.path = &wire.UpdatePath{Leaf: leaf, Nodes: nodes}
	return err
}

// checkCommitter verifies the leaf that a committer put in place.
func (p *provisional) checkCommitter() error {
	required, err := parseRequirements(p.extensions)
	if err != nil {
		return err
	}
	if err := required.check(p.tree.Leaf(p.committer).LeafNode); err != nil {
		return err
	}
	if err := checkCredentials(p.tree); err != nil {
		return err
	}
	return checkNewKeys(p.tree, []treemath.Leaf{p.committer})
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
func (g *Group) finish(t *txn, b *builder, o *CommitOptions) (*StagedCommit, error) {
	st, p := b.st, b.p
	psk, err := combine(st.suite, p.psks, g.psk)
	if err != nil {
		return nil, err
	}
	content := g.frame(o.AAD, o.WireFormat)
	content.Content.Type = wire.ContentCommit
	content.Content.Commit = b.commit()
	if err := framing.Sign(st.suite, st.signer, content, st.encoded); err != nil {
		return nil, err
	}
	commitSecret := st.suite.Zero()
	next := &state{suite: st.suite, tree: p.tree, own: st.own, signer: st.signer, private: st.inherit(p.tree, b.fresh)}
	if b.path != nil {
		commitSecret, next.signer = b.keys.Commit, b.signer
	}
	member, joiner := st.advance(next, p, content, st.secrets.Next(), commitSecret, psk)
	content.Auth.ConfirmationTag = next.secrets.Tag(next.context.ConfirmedTranscriptHash)
	next.confirm(content.Auth.ConfirmationTag)

	s := &StagedCommit{
		base: st, next: next, tree: p.tree, committer: st.own, aad: bytes.Clone(o.AAD),
		path: b.path != nil, effects: p, own: true,
	}
	if len(p.adds) > 0 {
		if s.welcome, err = b.welcome(next, member, joiner, o.WelcomeInfo); err != nil {
			return nil, err
		}
	}
	b.wipe()
	s.message, err = g.seal(t, content, o.Padding)
	return s, err
}

// commit puts proposals and path together.
func (b *builder) commit() *wire.Commit {
	c := &wire.Commit{Path: b.path}
	for _, q := range b.p.proposals {
		por := wire.ProposalOrRef{Proposal: q.proposal}
		if q.ref != nil {
			por = wire.ProposalOrRef{Ref: q.ref}
		}
		c.Proposals = append(c.Proposals, por)
	}
	return c
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
	init schedule.Init, commitSecret suite.Secret, psk schedule.PSKSecret) (schedule.Member, schedule.Joiner) {
	next.context = *p.context(st, next.tree)
	next.context.ConfirmedTranscriptHash = schedule.ConfirmedHash(st.suite, st.interim, content)
	joiner := init.Commit(commitSecret, &next.context)
	member := joiner.PSK(psk)
	next.secrets = member.Epoch(&next.context)
	return member, joiner
}
