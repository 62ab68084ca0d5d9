// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

const proposalRefLabel = "MLS 1.0 Proposal Reference"

// queued is a proposal with where it comes from.
type queued struct {
	proposal *wire.Proposal
	sender   wire.Sender
	ref      []byte // nil if it came by value
	content  *wire.AuthenticatedContent
	leaf     *tree.Leaf // of Add and Update
	origin   bool       // of the key of a group that this one follows
	verified bool       // of an Add: the key package was verified by itself before

	// Of an own Update, what takes effect with it.
	private suite.Secret
	signer  *suite.SigningKey
}

func newQueued(p *wire.Proposal, sender wire.Sender) *queued {
	q := &queued{proposal: p, sender: sender}
	switch p.Type {
	case wire.Add:
		q.leaf = tree.NewLeaf(p.Add.Leaf)
	case wire.Update:
		q.leaf = tree.NewLeaf(p.Update)
	}
	return q
}

// refer makes a proposal that was sent by itself.
func refer(s *suite.Suite, content *wire.AuthenticatedContent) *queued {
	q := newQueued(content.Content.Proposal, content.Content.Sender)
	q.content = content
	q.ref = s.RefHash(proposalRefLabel, content.Bytes())
	return q
}

// target returns the leaf that a proposal removes or updates.
func (q *queued) target() (treemath.Leaf, bool) {
	switch q.proposal.Type {
	case wire.Remove:
		return treemath.Leaf(q.proposal.Remove), true
	case wire.Update, wire.SelfRemove:
		return treemath.Leaf(q.sender.Index), q.sender.Type == wire.SenderMember
	default:
		return 0, false
	}
}

// export returns the proposal for the application.
func (q *queued) export(s *suite.Suite) Proposal {
	p := Proposal{
		Type:       ProposalType(q.proposal.Type),
		Sender:     LeafIndex(q.sender.Index),
		SenderType: SenderType(q.sender.Type),
		External:   q.sender.Type != wire.SenderMember,
		Ref:        slices.Clone(q.ref),
	}
	switch q.proposal.Type {
	case wire.Add:
		p.Add = &KeyPackage{kp: q.proposal.Add, suite: s}
	case wire.Update:
		p.Update = wrapLeaf(q.proposal.Update)
	case wire.Remove:
		p.Remove = LeafIndex(q.proposal.Remove)
	case wire.SelfRemove:
		p.Remove = p.Sender
	case wire.PSK:
		p.PSK = pskFromWire(q.proposal.PSK)
	case wire.ReInit:
		p.ReInit = reInitFromWire(&q.proposal.ReInit)
	case wire.GroupContextExtensions:
		p.Extensions = extensionsFromWire(q.proposal.Extensions)
	case wire.AppDataUpdate:
		p.AppData = &AppDataUpdate{ComponentID(q.proposal.Component), slices.Clone(q.proposal.Data), q.proposal.Discard}
	case wire.AppEphemeral:
		p.Ephemeral = &AppEphemeral{ComponentID(q.proposal.Component), slices.Clone(q.proposal.Data)}
	default:
		p.Data = slices.Clone(q.proposal.Data)
	}
	return p
}

// checkProposal verifies a proposal by itself against the epoch that it was made in
// (RFC 9420, Section 12.1).
func (st *state) checkProposal(q *queued, cfg *Config, now time.Time) error {
	switch q.proposal.Type {
	case wire.Add:
		if !q.verified {
			if err := checkKeyPackage(st.suite, q.proposal.Add, q.leaf); err != nil {
				return err
			}
		}
		return cfg.Policy.checkReceived(q.leaf.LeafNode, now)
	case wire.Update:
		return st.checkUpdate(q)
	case wire.Remove:
		if st.tree.Leaf(treemath.Leaf(q.proposal.Remove)) == nil {
			return rule.Broken("12.1.3-removed", "Remove of a leaf that is blank")
		}
	case wire.PSK:
		return st.checkPSK(q)
	case wire.ReInit:
		if q.proposal.ReInit.Version < st.context.Version {
			return rule.Broken("12.1.5-version", "ReInit to an older version")
		}
		if q.proposal.ReInit.Extensions.Duplicate() {
			return rule.Broken("13.4-context-extension-twice", "group context with two extensions of one type")
		}
	case wire.GroupContextExtensions:
		if q.proposal.Extensions.Duplicate() {
			return rule.Broken("13.4-context-extension-twice", "group context with two extensions of one type")
		}
	case wire.AppDataUpdate, wire.AppEphemeral:
		if cfg.Components == nil {
			return fmt.Errorf("%w: proposal for a component", ErrUnsupported)
		}
	case wire.SelfRemove:
		if q.sender.Type != wire.SenderMember {
			return rule.Broken("ext-self-remove-sender", "SelfRemove by one who is no member")
		}
	default:
		if !wire.KnownProposal(q.proposal.Type) && cfg.custom(q.proposal.Type) == nil {
			return fmt.Errorf("%w: proposal of type %#04x", ErrUnsupported, q.proposal.Type)
		}
	}
	return nil
}

func (st *state) checkUpdate(q *queued) error {
	if q.sender.Type != wire.SenderMember {
		return rule.Broken("12.1.8-external-type", "Update by one who is no member")
	}
	i := treemath.Leaf(q.sender.Index)
	old := st.tree.Leaf(i)
	if old == nil {
		return rule.Broken("6.1-sender-leaf", "Update by a leaf that is blank")
	}
	if q.leaf.Source != wire.SourceUpdate {
		return rule.Broken("7.3-source-update", "leaf of an Update has another source")
	}
	if bytes.Equal(old.EncryptionKey, q.leaf.EncryptionKey) {
		return rule.Broken("7.3-update-key", "Update keeps the encryption key")
	}
	return checkLeaf(st.suite, q.leaf, st.context.GroupID, uint32(i))
}

func (st *state) checkPSK(q *queued) error {
	id := q.proposal.PSK
	if id.Type == wire.PSKResumption && id.Usage != wire.UsageApplication && !q.origin {
		return rule.Broken("12.1.4-usage", "PreSharedKey for reinitialisation or branching in another commit")
	}
	if len(id.Nonce) != st.suite.HashSize() {
		return rule.Broken("12.1.4-nonce", "PreSharedKey with a nonce of wrong length")
	}
	return nil
}
