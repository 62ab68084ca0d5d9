// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"fmt"
	"io"
	"time"

	"github.com/securecrypt/securecrypt/mls/internal/framing"
	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// processOutside verifies a message of the present epoch by one who is no member: a
// commit that its sender joins with, or a proposal.
func (g *Group) processOutside(m *wire.PublicMessage, now time.Time) (Received, Delta, error) {
	st := g.state
	if m.Content.Sender.Type == wire.SenderNewMemberProposal && !g.cfg.Policy.OwnAdds {
		return nil, Delta{}, fmt.Errorf("%w: proposal by a client to add itself", ErrUnsupported)
	}
	content := &wire.AuthenticatedContent{Format: wire.FormatPublic, Content: m.Content, Auth: m.Auth}
	key, err := st.outsideKey(&m.Content, &g.cfg)
	if err != nil {
		return nil, Delta{}, err
	}
	if err := framing.Verify(st.suite, key, content, st.encoded); err != nil {
		return nil, Delta{}, err
	}
	if err := checkAAD(st.framed, content.Content.AAD); err != nil {
		return nil, Delta{}, err
	}
	return g.handshake(g.store.begin(), content, now)
}

// outsideKey returns the key that must have signed a message by one who is no member
// (RFC 9420, Sections 6.1, 12.1.8 and 12.4.3.2).
func (st *state) outsideKey(c *wire.FramedContent, cfg *Config) (suite.VerifyKey, error) {
	if c.Sender.Type == wire.SenderNewMemberCommit {
		if c.Type != wire.ContentCommit {
			return suite.VerifyKey{}, rule.Broken("6-sender-content", "message is not of the kind that its sender may send")
		}
		if c.Commit.Path == nil {
			return suite.VerifyKey{}, rule.Broken("12.4.3.2-path", "external commit without an update path")
		}
		return tree.NewLeaf(c.Commit.Path.Leaf).VerifyKey(st.suite)
	}
	if c.Type != wire.ContentProposal {
		return suite.VerifyKey{}, rule.Broken("6-sender-content", "message is not of the kind that its sender may send")
	}
	if c.Sender.Type == wire.SenderNewMemberProposal {
		if c.Proposal.Type != wire.Add {
			return suite.VerifyKey{}, rule.Broken("12.1.8-new-member-type", "proposal by a new member that is no Add")
		}
		return tree.NewLeaf(c.Proposal.Add.Leaf).VerifyKey(st.suite)
	}
	if !cfg.byExternalSender(c.Proposal.Type) {
		return suite.VerifyKey{}, rule.Broken("12.1.8-external-type", "proposal of a type that external senders may not send")
	}
	return st.externalSenderKey(c.Sender.Index)
}

// byExternalSender tells which proposals an external sender may send (RFC 9420,
// Section 12.1.8).
func (c *Config) byExternalSender(t wire.ProposalType) bool {
	if custom := c.custom(t); custom != nil {
		return custom.ByExternalSender
	}
	switch t {
	case wire.Add, wire.Remove, wire.PSK, wire.ReInit, wire.GroupContextExtensions, wire.AppDataUpdate, wire.AppEphemeral:
		return true
	default:
		return false
	}
}

// externalSenderKey returns the key of an external sender (RFC 9420,
// Section 12.1.8.1).
func (st *state) externalSenderKey(i uint32) (suite.VerifyKey, error) {
	data, ok := st.context.Extensions.Find(wire.ExtExternalSenders)
	if !ok {
		return suite.VerifyKey{}, rule.Broken("12.1.8-extension", "proposal by an external sender in a group without any")
	}
	senders, err := wire.ParseExternalSenders(data)
	if err != nil || int64(i) >= int64(len(senders)) {
		return suite.VerifyKey{}, rule.Broken("12.1.8.1-sender", "proposal by an external sender that is not listed")
	}
	key, err := st.suite.VerifyKey(senders[i].SignatureKey)
	if err != nil {
		return suite.VerifyKey{}, rule.Broken("12.1.8.1-signature-key", "external sender holds no key of the suite's signature scheme")
	}
	return key, nil
}

// ExternalProposer makes proposals for a group that lists it in its external_senders
// extension (RFC 9420, Section 12.1.8). They count in the epoch that it names and travel as
// public messages.
type ExternalProposer struct {
	Suite      CipherSuite
	GroupID    []byte
	Epoch      uint64
	Index      int // in the external_senders extension
	SigningKey *SigningKey
	Rand       io.Reader // for ProposePSK, and ProposeReInit without a GroupID
	// AAD is authenticated and travels in the clear.
	AAD []byte
}

// ProposeAdd proposes to add a client, whose key package must be valid now.
func (p *ExternalProposer) ProposeAdd(kp *KeyPackage, now time.Time) ([]byte, error) {
	if err := kp.Verify(now); err != nil {
		return nil, err
	}
	return p.propose(&wire.Proposal{Type: wire.Add, Add: kp.kp})
}

// ProposeRemove proposes to remove a member.
func (p *ExternalProposer) ProposeRemove(i LeafIndex) ([]byte, error) {
	return p.propose(&wire.Proposal{Type: wire.Remove, Remove: uint32(i)})
}

// ProposeExtensions proposes to replace all extensions of the group context.
func (p *ExternalProposer) ProposeExtensions(e []Extension) ([]byte, error) {
	return p.propose(&wire.Proposal{Type: wire.GroupContextExtensions, Extensions: extensionsToWire(e)})
}

// ProposePSK proposes that the next epoch depend on a pre-shared key.
func (p *ExternalProposer) ProposePSK(id PSKID) ([]byte, error) {
	s, err := lookup(p.Suite)
	if err != nil {
		return nil, err
	}
	proposal, err := id.proposal(s, p.Rand)
	if err != nil {
		return nil, err
	}
	return p.propose(proposal)
}

// ProposeAppData proposes to change what a component keeps in the group context.
func (p *ExternalProposer) ProposeAppData(u AppDataUpdate) ([]byte, error) {
	return p.propose(u.proposal())
}

// ProposeAppEphemeral proposes data of a component to go with the next commit.
func (p *ExternalProposer) ProposeAppEphemeral(e AppEphemeral) ([]byte, error) {
	return p.propose(e.proposal())
}

// ProposeReInit proposes to end the group for one with other parameters.
func (p *ExternalProposer) ProposeReInit(r ReInit) ([]byte, error) {
	proposal, err := r.proposal(p.Rand)
	if err != nil {
		return nil, err
	}
	return p.propose(proposal)
}

// ProposeCustom proposes what members must have registered in their Config.
func (p *ExternalProposer) ProposeCustom(c Custom) ([]byte, error) { return p.propose(c.proposal()) }

func (p *ExternalProposer) propose(proposal *wire.Proposal) ([]byte, error) {
	s, err := lookup(p.Suite)
	if err != nil {
		return nil, err
	}
	if p.SigningKey == nil || p.SigningKey.key.Scheme != s.Scheme {
		return nil, fmt.Errorf("%w: signing key does not fit the suite", ErrUnsupported)
	}
	return proposeOutside(s, p.SigningKey.key, &wire.FramedContent{
		GroupID: p.GroupID, Epoch: p.Epoch, Sender: wire.Sender{Type: wire.SenderExternal, Index: uint32(p.Index)},
		AAD: p.AAD, Type: wire.ContentProposal, Proposal: proposal,
	})
}

// OwnAddParams is what a client needs to propose that it be added to a group.
type OwnAddParams struct {
	GroupID    []byte
	Epoch      uint64
	KeyPackage *KeyPackage
	Private    *KeyPackagePrivate
	// AAD is authenticated and travels in the clear.
	AAD []byte
}

// ProposeOwnAdd proposes, from outside, to add this very client to a group (RFC 9420,
// Section 12.1.8). Members take it up if their Policy says so.
func ProposeOwnAdd(p OwnAddParams) ([]byte, error) {
	if !p.Private.matches(p.KeyPackage) {
		return nil, fmt.Errorf("%w: private part of another key package", ErrNotForUs)
	}
	return proposeOutside(p.KeyPackage.suite, p.Private.signer, &wire.FramedContent{
		GroupID: p.GroupID, Epoch: p.Epoch, Sender: wire.Sender{Type: wire.SenderNewMemberProposal},
		AAD: p.AAD, Type: wire.ContentProposal, Proposal: &wire.Proposal{Type: wire.Add, Add: p.KeyPackage.kp},
	})
}

func proposeOutside(s *suite.Suite, key *suite.SigningKey, c *wire.FramedContent) ([]byte, error) {
	content := &wire.AuthenticatedContent{Format: wire.FormatPublic, Content: *c}
	if err := framing.Sign(s, key, content, nil); err != nil {
		return nil, err
	}
	m, err := framing.SealPublic(s, nil, content, nil)
	if err != nil {
		return nil, err
	}
	return (&wire.Message{Public: m}).Bytes(), nil
}
