// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// AuthenticationService says which credentials are genuine (RFC 9420, Section 5.3.1). It
// is asked by one goroutine at a time, wherever a credential enters a group: in key
// packages that are proposed or committed, in updates and paths, in every leaf of a group
// that is joined, and in external_senders extensions. It must not block.
type AuthenticationService interface {
	// Authenticate returns an error unless the credential goes with the signature
	// key and presents somebody whom the application accepts.
	Authenticate(c Credential, signatureKey []byte, now time.Time) error
	// Succeed returns an error unless a member with the credential old may go on
	// with the credential next, which is authenticated already.
	Succeed(old, next Credential) error
	// Client names the client that a credential is of, the same for all credentials of
	// one client: it is in a group but once (RFC 9420, Section 12.2), and in those that
	// follow from it (Sections 11.2 and 11.3).
	Client(c Credential) string
}

// authenticate asks about a leaf that is new to the group.
func (c *Config) authenticate(l *wire.LeafNode, now time.Time) error {
	if c.Authentication == nil {
		return nil
	}
	if err := c.Authentication.Authenticate(credentialFromWire(l.Credential), bytes.Clone(l.SignatureKey), now); err != nil {
		return fmt.Errorf("%w: %w", rule.Broken("5.3.1-credential", "credential is refused"), err)
	}
	return nil
}

// succeed asks about a leaf that replaces another, if it has another credential or
// signature key.
func (c *Config) succeed(old, next *wire.LeafNode, now time.Time) error {
	if c.Authentication == nil || old.Credential.Key() == next.Credential.Key() && bytes.Equal(old.SignatureKey, next.SignatureKey) {
		return nil
	}
	if err := c.authenticate(next, now); err != nil {
		return err
	}
	if err := c.Authentication.Succeed(credentialFromWire(old.Credential), credentialFromWire(next.Credential)); err != nil {
		return fmt.Errorf("%w: %w", rule.Broken("5.3.1-successor", "credential may not replace the one before"), err)
	}
	return nil
}

// authenticateSenders asks about the external senders of a group context.
func (c *Config) authenticateSenders(e wire.Extensions, now time.Time) error {
	data, listed := e.Find(wire.ExtExternalSenders)
	if c.Authentication == nil || !listed {
		return nil
	}
	senders, err := ParseExternalSenders(data)
	if err != nil {
		return err
	}
	for _, s := range senders {
		if err := c.Authentication.Authenticate(s.Credential, s.SignatureKey, now); err != nil {
			return fmt.Errorf("%w: %w", rule.Broken("5.3.1-external-sender", "credential of an external sender is refused"), err)
		}
	}
	return nil
}

// authenticateTree asks about every leaf of a group that is joined, but the own.
func (c *Config) authenticateTree(st *state, own []byte, now time.Time) error {
	if c.Authentication == nil {
		return nil
	}
	for _, l := range st.tree.Members() {
		if bytes.Equal(l.SignatureKey, own) {
			continue
		}
		if err := c.authenticate(l.LeafNode, now); err != nil {
			return err
		}
	}
	return c.authenticateSenders(st.context.Extensions, now)
}

// authenticateProposal asks about what a proposal brings into the group.
func (c *Config) authenticateProposal(st *state, q *queued, now time.Time) error {
	switch q.proposal.Type {
	case wire.Add:
		return c.authenticate(q.leaf.LeafNode, now)
	case wire.Update:
		i := treemath.Leaf(q.sender.Index)
		if i == st.own {
			return nil
		}
		return c.succeed(st.tree.Leaf(i).LeafNode, q.leaf.LeafNode, now)
	}
	return nil
}

// authenticateCommit asks about what a commit brings into the group: what its
// proposals do, and the leaf of its path.
func (c *Config) authenticateCommit(st *state, p *provisional, path *tree.Leaf, now time.Time) error {
	if c.Authentication == nil {
		return nil
	}
	for _, q := range p.proposals {
		if err := c.authenticateProposal(st, q, now); err != nil {
			return err
		}
	}
	before, _ := st.context.Extensions.Find(wire.ExtExternalSenders)
	if after, _ := p.extensions.Find(wire.ExtExternalSenders); !bytes.Equal(before, after) {
		if err := c.authenticateSenders(p.extensions, now); err != nil {
			return err
		}
	}
	former := p.former
	if !p.outside {
		former = st.tree.Leaf(p.committer)
	} else if err := c.checkJoiner(p, path.LeafNode); err != nil {
		return err
	}
	switch {
	case path == nil:
		return nil
	case former == nil:
		return c.authenticate(path.LeafNode, now)
	default:
		return c.succeed(former.LeafNode, path.LeafNode, now)
	}
}

// checkClients verifies that no commit adds a client that is in the group (RFC 9420,
// Section 12.2).
func (c *Config) checkClients(p *provisional) error {
	if c.Authentication == nil || len(p.added) == 0 {
		return nil // equal signature keys are refused in any case
	}
	leaves := make(map[string]int)
	for _, l := range p.tree.Members() {
		leaves[c.client(l.Credential)]++
	}
	for _, i := range p.added {
		if leaves[c.client(p.tree.Leaf(i).Credential)] > 1 {
			return rule.Broken("12.2-same-client", "commit adds a client that is in the group")
		}
	}
	return nil
}

// checkJoiner verifies that nobody joins from outside who is in the group.
func (c *Config) checkJoiner(p *provisional, leaf *wire.LeafNode) error {
	if c.Authentication == nil {
		return nil
	}
	joiner := c.client(leaf.Credential)
	for i, l := range p.tree.Members() {
		if i != p.committer && c.client(l.Credential) == joiner {
			return rule.Broken("12.2-same-client", "external commit by a client that is in the group")
		}
	}
	return nil
}

// client names the client of a credential. Without an AuthenticationService each
// credential is of another one.
func (c *Config) client(credential wire.Credential) string {
	if c.Authentication == nil {
		return credential.Key()
	}
	return c.Authentication.Client(credentialFromWire(credential))
}
