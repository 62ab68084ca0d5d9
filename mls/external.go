// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/mls/internal/framing"
	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/schedule"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
	"github.com/securecrypt/securecrypt/mls/tlsenc"
)

// ExternalJoinParams is what joining from outside needs.
type ExternalJoinParams struct {
	GroupInfo *GroupInfo
	// RatchetTree is needed if the group info carries none.
	RatchetTree    []byte
	SigningKey     *SigningKey
	Credential     Credential
	Capabilities   Capabilities // zero: DefaultCapabilities
	LeafExtensions []Extension
	// Former selects the leaf that this client had before it lost its state, to
	// be removed as this client rejoins; at most one. Nil selects none.
	Former func(LeafIndex, *LeafNode) bool
	// Known reports whether a group of that identifier is being taken part in: without a
	// Former leaf it cannot be joined again. Nil knows none.
	Known func(groupID []byte) bool
	// SelfRemoves are messages of the epoch by which members ask to leave; the
	// joiner commits them (draft-ietf-mls-extensions).
	SelfRemoves [][]byte
	// PSKs lists pre-shared keys to commit. From is the group whose resumption keys may be
	// among them: an older state of this one, for instance.
	PSKs []PSKID
	From *Group
	// AppData and AppEphemeral list what components change and say.
	AppData      []AppDataUpdate
	AppEphemeral []AppEphemeral
	// Custom lists further proposals, which Config allows in external commits.
	Custom []Custom
	// AAD is authenticated and travels in the clear.
	AAD []byte
	Now time.Time
}

// StageExternalJoin verifies the group that a group info describes and builds the
// commit by which this client joins it, or rejoins it after the loss of its state
// (RFC 9420, Section 12.4.3.2). The group need not have been asked.
func StageExternalJoin(p ExternalJoinParams, cfg Config) (*StagedJoin, error) {
	cfg, err := cfg.check()
	if err != nil {
		return nil, err
	}
	j := &externalJoiner{p: p, cfg: cfg, suite: p.GroupInfo.suite, info: p.GroupInfo.info}
	for _, step := range []func() error{j.openGroup, j.initialize, j.replace, j.values, j.selfRemoves, j.build, j.finish} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return j.staged, nil
}

// externalJoiner makes an external commit, step by step.
type externalJoiner struct {
	p       ExternalJoinParams
	cfg     Config
	suite   *suite.Suite
	info    *wire.GroupInfo
	base    *state // the epoch that the group info describes, as far as it is public
	init    schedule.Init
	list    []*queued
	builder *builder
	staged  *StagedJoin
}

// openGroup verifies the group as it is.
func (j *externalJoiner) openGroup() (err error) {
	if err := checkInfo(j.suite, j.info); err != nil {
		return err
	}
	if j.p.Former == nil && j.p.Known != nil && j.p.Known(bytes.Clone(j.info.Context.GroupID)) {
		return rule.Broken("12.4.3.1-group-id", "group is taken part in already")
	}
	if j.base, err = openGroup(j.suite, j.info, j.p.RatchetTree); err != nil {
		return err
	}
	j.base.confirm(j.info.ConfirmationTag)
	if err := j.base.verifyTree(&j.cfg, j.p.Now); err != nil {
		return err
	}
	return j.cfg.authenticateTree(j.base, j.own(), j.p.Now)
}

func (j *externalJoiner) own() []byte {
	if j.p.SigningKey == nil {
		return nil
	}
	return j.p.SigningKey.key.Public
}

func (j *externalJoiner) propose(p *wire.Proposal) {
	j.list = append(j.list, newQueued(p, wire.Sender{Type: wire.SenderNewMemberCommit}))
}

// initialize makes the init secret of the next epoch.
func (j *externalJoiner) initialize() error {
	data, _ := j.info.Extensions.Find(wire.ExtExternalPub)
	r := tlsenc.NewReader(data)
	raw := r.Opaque()
	key, err := j.suite.PublicKey(raw)
	if r.Done() != nil || err != nil {
		return rule.Broken("12.4.3.2-external-pub", "group info without a key for external commits")
	}
	kemOutput, init, err := schedule.SendInit(j.suite, key)
	j.init = init
	j.propose(&wire.Proposal{Type: wire.ExternalInit, KEMOutput: kemOutput})
	return err
}

// replace removes the leaf that this client had before.
func (j *externalJoiner) replace() error {
	if j.p.Former == nil {
		return nil
	}
	for i, l := range j.base.members() {
		if j.p.Former(i, l) {
			j.propose(&wire.Proposal{Type: wire.Remove, Remove: uint32(i)})
		}
	}
	return nil
}

// values takes up what is proposed by value.
func (j *externalJoiner) values() error {
	for _, id := range j.p.PSKs {
		p, err := id.proposal(j.suite, j.cfg.Rand)
		if err != nil {
			return err
		}
		j.propose(p)
	}
	for _, e := range j.p.AppEphemeral {
		j.propose(e.proposal())
	}
	for _, u := range j.p.AppData {
		j.propose(u.proposal())
	}
	for _, c := range j.p.Custom {
		j.propose(c.proposal())
	}
	return nil
}

// selfRemoves takes up the proposals of those who leave. Their membership tag cannot
// be verified from outside.
func (j *externalJoiner) selfRemoves() error {
	for _, b := range j.p.SelfRemoves {
		m, err := wire.ParseMessage(bytes.Clone(b))
		if err != nil {
			return malformed("SelfRemove", err)
		}
		if m.Public == nil || m.Public.Content.Proposal == nil || m.Public.Content.Proposal.Type != wire.SelfRemove ||
			m.Public.Content.Sender.Type != wire.SenderMember {
			return fmt.Errorf("%w: no SelfRemove", ErrMalformed)
		}
		c := &m.Public.Content
		if !bytes.Equal(c.GroupID, j.base.context.GroupID) {
			return ErrOtherGroup
		}
		if c.Epoch != j.base.context.Epoch {
			return ErrEpochTooOld
		}
		leaf := j.base.tree.Leaf(treemath.Leaf(c.Sender.Index))
		if leaf == nil {
			return rule.Broken("6.1-sender-leaf", "message by a leaf that is blank")
		}
		key, err := leaf.VerifyKey(j.suite)
		if err != nil {
			return err
		}
		content := &wire.AuthenticatedContent{Format: wire.FormatPublic, Content: *c, Auth: m.Public.Auth}
		if err := framing.Verify(j.suite, key, content, j.base.encoded); err != nil {
			return err
		}
		j.list = append(j.list, refer(j.suite, content))
	}
	return nil
}

// build applies the proposals and puts the own leaf and path in place.
func (j *externalJoiner) build() error {
	check := func(q *queued) error { return j.base.checkProposal(q, &j.cfg, j.p.Now) }
	p, err := j.base.apply(j.list, wire.Sender{Type: wire.SenderNewMemberCommit}, &j.cfg, check)
	if err != nil {
		return err
	}
	leaf, err := unsignedLeaf(j.suite, leafParams{
		signer: j.p.SigningKey, credential: j.p.Credential, capabilities: j.p.Capabilities, extensions: j.p.LeafExtensions,
	})
	if err != nil {
		return err
	}
	j.builder = &builder{st: j.base, rand: j.cfg.Rand, p: p}
	if err := j.builder.buildPath(leaf, j.p.SigningKey.key); err != nil {
		return err
	}
	return j.cfg.checkJoiner(p, leaf)
}

// finish signs the commit and derives the epoch that it begins.
func (j *externalJoiner) finish() error {
	st, b := j.base, j.builder
	if err := checkAAD(st.framed, j.p.AAD); err != nil {
		return err
	}
	psk, err := combine(st.suite, b.p.psks, j.cfg.pskWith(j.p.From))
	if err != nil {
		return err
	}
	content := &wire.AuthenticatedContent{Format: wire.FormatPublic, Content: wire.FramedContent{
		GroupID: st.context.GroupID,
		Epoch:   st.context.Epoch,
		Sender:  wire.Sender{Type: wire.SenderNewMemberCommit},
		AAD:     bytes.Clone(j.p.AAD),
		Type:    wire.ContentCommit,
		Commit:  b.commit(),
	}}
	if err := framing.Sign(st.suite, b.signer, content, st.encoded); err != nil {
		return err
	}
	next := &state{suite: st.suite, tree: b.p.tree, own: b.p.committer, signer: b.signer, private: b.fresh}
	st.advance(next, b.p, content, j.init, b.keys.Commit, psk)
	b.wipe()
	j.init.Wipe()
	content.Auth.ConfirmationTag = next.secrets.Tag(next.context.ConfirmedTranscriptHash)
	next.confirm(content.Auth.ConfirmationTag)
	m, err := framing.SealPublic(st.suite, nil, content, st.encoded)
	if err != nil {
		return err
	}
	signer := LeafIndex(j.info.Signer)
	j.staged = &StagedJoin{
		cfg: j.cfg, info: j.info, inviter: Member{signer, st.member(signer)}, state: next,
		message: (&wire.Message{Public: m}).Bytes(),
	}
	for _, i := range slices.Sorted(slices.Values(b.p.removed)) {
		j.staged.removed = append(j.staged.removed, Member{LeafIndex(i), st.member(LeafIndex(i))})
	}
	return nil
}
