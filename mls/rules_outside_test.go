// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"testing"

	"github.com/securecrypt/securecrypt/mls/internal/framing"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// intruder says how an external commit by dave is spoiled before it is signed.
type intruder struct {
	info      func(*wire.GroupInfo)
	former    func(LeafIndex, *LeafNode) bool
	leaf      func(*wire.LeafNode)
	proposals func([]wire.ProposalOrRef) []wire.ProposalOrRef
	content   func(*wire.AuthenticatedContent)
}

func (v intruder) commit(t *testing.T, w *trio) ([]byte, error) {
	t.Helper()
	info, err := w.alice.state.groupInfo(GroupInfoOptions{RatchetTree: true, ExternalPub: true})
	ok(t, err)
	if v.info != nil {
		v.info(info)
		info.Signature, err = w.alice.state.suite.Sign(w.alice.state.signer, groupInfoLabel, info.TBS())
		ok(t, err)
	}
	dave := newPerson(t, "dave", Capabilities{})
	j := &externalJoiner{cfg: evilConfig(), suite: evilSuiteOf(t), info: info, p: ExternalJoinParams{
		SigningKey: dave.key, Credential: BasicCredential([]byte("dave")), Former: v.former, Now: evilNow,
	}}
	for _, step := range []func() error{j.openGroup, j.initialize, j.replace, j.build} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if v.leaf != nil {
		leaf := unsealed(j.builder.path.Leaf)
		v.leaf(leaf)
		ok(t, signLeaf(j.suite, dave.key.key, leaf, j.base.context.GroupID, uint32(j.builder.p.committer)))
		j.builder.path.Leaf = leaf
	}
	commit := j.builder.commit()
	if v.proposals != nil {
		commit.Proposals = v.proposals(commit.Proposals)
	}
	content := &wire.AuthenticatedContent{Format: wire.FormatPublic, Content: wire.FramedContent{
		GroupID: j.base.context.GroupID, Epoch: j.base.context.Epoch,
		Sender: wire.Sender{Type: wire.SenderNewMemberCommit}, Type: wire.ContentCommit, Commit: commit,
	}}
	if v.content != nil {
		v.content(content)
	}
	ok(t, framing.Sign(j.suite, dave.key.key, content, j.base.encoded))
	m, err := framing.SealPublic(j.suite, nil, content, j.base.encoded)
	ok(t, err)
	return (&wire.Message{Public: m}).Bytes(), nil
}

// try has bob process what dave spoiled.
func (v intruder) try(t *testing.T) error {
	t.Helper()
	w := newTrio(t)
	msg, err := v.commit(t, w)
	if err != nil {
		return err
	}
	return receive(w.bob, msg)
}

// intrudes adds proposals to an external commit.
func intrudes(p ...*wire.Proposal) func(*testing.T) error {
	return intruder{proposals: func(list []wire.ProposalOrRef) []wire.ProposalOrRef {
		return append(list, value(p...)...)
	}}.try
}

var (
	outsider  = wire.Sender{Type: wire.SenderExternal}
	newMember = wire.Sender{Type: wire.SenderNewMemberProposal}
	remove    = &wire.Proposal{Type: wire.Remove, Remove: 2}
)

var outsideViolations = map[string]func(*testing.T) error{
	"12.1.8-external-type":   fromOutside(outsider, &wire.Proposal{Type: wire.SelfRemove}),
	"12.1.8-extension":       fromOutside(outsider, remove),
	"12.1.8-new-member-type": fromOutside(newMember, remove),
	"12.1.8.1-sender":        fromOutside(outsider, remove, ExternalSenders()),
	"12.1.8.1-signature-key": fromOutside(outsider, remove, ExternalSenders(ExternalSender{SignatureKey: []byte("short")})),
	"6-sender-content": intruder{content: func(c *wire.AuthenticatedContent) {
		c.Content.Type = wire.ContentProposal
		c.Content.Proposal = &wire.Proposal{Type: wire.SelfRemove}
	}}.try,
	"8.3-external-init": intruder{proposals: func([]wire.ProposalOrRef) []wire.ProposalOrRef {
		return value(&wire.Proposal{Type: wire.ExternalInit, KEMOutput: []byte("short")})
	}}.try,
	"12.2-external-init-once":   intrudes(&wire.Proposal{Type: wire.ExternalInit}),
	"12.2-external-remove-once": intrudes(&wire.Proposal{Type: wire.Remove}, &wire.Proposal{Type: wire.Remove, Remove: 2}),
	"12.2-external-type":        intrudes(extensions()),
	"12.4.3.2-external-pub":     intruder{info: func(i *wire.GroupInfo) { i.Extensions = i.Extensions[:1] }}.try,
	"12.4.3.2-path": intruder{content: func(c *wire.AuthenticatedContent) {
		c.Content.Commit.Path = nil
	}}.try,
	"12.4.3.2-reference": func(t *testing.T) error {
		w := newTrio(t)
		msg, _, err := w.carol.ProposeRemove(0, ProposalOptions{})
		ok(t, err)
		r, _, err := w.bob.Process(msg, evilNow)
		ok(t, err)
		msg, err = intruder{proposals: func(list []wire.ProposalOrRef) []wire.ProposalOrRef {
			return append(list, wire.ProposalOrRef{Ref: r.(*ReceivedProposal).Proposal.Ref})
		}}.commit(t, w)
		ok(t, err)
		return receive(w.bob, msg)
	},
}

// fromOutside has bob process a proposal by a sender that is no member.
func fromOutside(sender wire.Sender, p *wire.Proposal, extensions ...Extension) func(*testing.T) error {
	return func(t *testing.T) error {
		w := newTrio(t, extensions...)
		w.bob.cfg.Policy.OwnAdds = true
		st := w.bob.state
		msg, err := proposeOutside(st.suite, w.keys["alice"].key.key, &wire.FramedContent{
			GroupID: st.context.GroupID, Epoch: st.context.Epoch, Sender: sender, Type: wire.ContentProposal, Proposal: p,
		})
		ok(t, err)
		return receive(w.bob, msg)
	}
}

// TestExternalCommitKeepsKey has a former member rejoin with the encryption key that it
// had (RFC 9420, Section 12.2: as an Update could not).
func TestExternalCommitKeepsKey(t *testing.T) {
	w := newTrio(t)
	msg, err := intruder{
		former: func(i LeafIndex, _ *LeafNode) bool { return i == 2 },
		leaf:   func(l *wire.LeafNode) { l.EncryptionKey = w.carol.state.tree.Leaf(2).EncryptionKey },
	}.commit(t, w)
	ok(t, err)
	if err := receive(w.bob, msg); BrokenRule(err) != "12.4.2-committer-key" {
		t.Fatal(err)
	}
}

// TestExternalCommitSigner has dave sign for a leaf that is not his.
func TestExternalCommitSigner(t *testing.T) {
	w := newTrio(t)
	other := newPerson(t, "other", Capabilities{})
	msg, err := intruder{content: func(c *wire.AuthenticatedContent) {
		leaf := unsealed(c.Content.Commit.Path.Leaf)
		leaf.SignatureKey = other.key.Public()
		ok(t, signLeaf(w.bob.state.suite, other.key.key, leaf, w.bob.state.context.GroupID, 3))
		c.Content.Commit.Path.Leaf = leaf
	}}.commit(t, w)
	ok(t, err)
	if err := receive(w.bob, msg); BrokenRule(err) != "6.1-signature" {
		t.Fatal(err)
	}
}
