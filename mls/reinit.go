// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// ReInit describes the group by which another is succeeded (RFC 9420, Section 12.1.5).
type ReInit struct {
	GroupID    []byte // empty: drawn at random
	Version    uint16 // zero: that of this package
	Suite      CipherSuite
	Extensions []Extension
}

// proposal proposes a successor that this package can make.
func (r *ReInit) proposal(rand io.Reader) (*wire.Proposal, error) {
	s, err := lookup(r.Suite)
	if err != nil {
		return nil, err
	}
	if r.Version != 0 && r.Version != wire.Version {
		return nil, fmt.Errorf("%w: protocol version %d", ErrUnsupported, r.Version)
	}
	id := slices.Clone(r.GroupID)
	if len(id) == 0 {
		if id, err = draw(rand, s.HashSize()); err != nil {
			return nil, err
		}
	}
	return &wire.Proposal{Type: wire.ReInit, ReInit: wire.ReInitParams{
		GroupID: id, Version: wire.Version, CipherSuite: s.ID, Extensions: extensionsToWire(r.Extensions),
	}}, nil
}

func reInitFromWire(p *wire.ReInitParams) *ReInit {
	return &ReInit{slices.Clone(p.GroupID), p.Version, CipherSuite(p.CipherSuite), extensionsFromWire(p.Extensions)}
}

// ReInit returns what the group is to be succeeded by, if it has ended.
func (g *Group) ReInit() (r ReInit, ok bool) {
	if g.reinit == nil {
		return ReInit{}, false
	}
	return *reInitFromWire(g.reinit), true
}

// ProposeReInit proposes to end the group for one with other parameters.
func (g *Group) ProposeReInit(r ReInit, o ProposalOptions) ([]byte, Delta, error) {
	if err := g.usable(); err != nil {
		return nil, Delta{}, err
	}
	p, err := r.proposal(g.cfg.Rand)
	if err != nil {
		return nil, Delta{}, err
	}
	return g.propose(newQueued(p, wire.Sender{}), o)
}

// SuccessorParams describes a group made of members of another one.
type SuccessorParams struct {
	GroupID        []byte // of a subgroup; empty: drawn at random
	SigningKey     *SigningKey
	Credential     Credential
	Capabilities   Capabilities // zero: DefaultCapabilities
	Lifetime       Lifetime
	LeafExtensions []Extension
	Extensions     []Extension // of a subgroup's context
	// Members are key packages of the others.
	Members     []*KeyPackage
	WelcomeInfo GroupInfoOptions
	Now         time.Time
}

// Reinitialize makes the group that succeeds this one after a ReInit, with the same
// members, and stages the commit that adds them (RFC 9420, Section 11.2). Nobody
// competes for it: persist the delta, for the new group, and Apply.
func (g *Group) Reinitialize(p SuccessorParams) (*Group, *StagedCommit, Delta, error) {
	if g.removed {
		return nil, nil, Delta{}, ErrNotMember
	}
	if g.reinit == nil {
		return nil, nil, Delta{}, rule.Broken("11.2-reinit", "group has not ended by a ReInit")
	}
	p.GroupID, p.Extensions = g.reinit.GroupID, extensionsFromWire(g.reinit.Extensions)
	n, s, d, err := g.succeed(p, CipherSuite(g.reinit.CipherSuite), wire.UsageReInit)
	if err == nil && !g.contains(s.tree, g.state.tree) {
		return nil, nil, Delta{}, rule.Broken("11.2-members", "successor with one who is no member of the group")
	}
	return n, s, d, err
}

// Branch makes a group of some members of this one and stages the commit that adds them
// (RFC 9420, Section 11.3). Nobody competes for it: persist the delta, for the new
// group, and Apply.
func (g *Group) Branch(p SuccessorParams) (*Group, *StagedCommit, Delta, error) {
	if g.removed {
		return nil, nil, Delta{}, ErrNotMember
	}
	if len(p.GroupID) == 0 {
		id, err := draw(g.cfg.Rand, g.state.suite.HashSize())
		if err != nil {
			return nil, nil, Delta{}, err
		}
		p.GroupID = id
	}
	return g.succeed(p, g.CipherSuite(), wire.UsageBranch)
}

func (g *Group) succeed(p SuccessorParams, cs CipherSuite, usage wire.PSKUsage) (*Group, *StagedCommit, Delta, error) {
	n, created, err := createGroup(GroupParams{
		Suite: cs, GroupID: p.GroupID, SigningKey: p.SigningKey, Credential: p.Credential, Capabilities: p.Capabilities,
		Lifetime: p.Lifetime, LeafExtensions: p.LeafExtensions, Extensions: p.Extensions,
	}, g.cfg)
	if err != nil {
		return nil, nil, Delta{}, err
	}
	key := PSKID{Type: PSKResumption, Usage: PSKUsage(usage), GroupID: g.state.context.GroupID, Epoch: g.state.context.Epoch}
	proposal, err := key.proposal(n.state.suite, n.cfg.Rand)
	if err != nil {
		return nil, nil, Delta{}, err
	}
	q := newQueued(proposal, memberSender(n.state.own))
	q.origin = true
	n.parent = g
	s, staged, err := n.stage(&CommitOptions{Now: p.Now, Add: p.Members, WelcomeInfo: p.WelcomeInfo}, q)
	n.parent = nil
	if err != nil {
		return nil, nil, Delta{}, err
	}
	if err := g.checkSuccessor(&proposal.PSK, &s.next.context, s.tree); err != nil {
		return nil, nil, Delta{}, err
	}
	return n, s, created.then(staged), nil
}

// checkSuccessor verifies that a group which uses a resumption key of this one is what
// the usage allows (RFC 9420, Sections 11.2, 11.3 and 12.4.3.1).
func (g *Group) checkSuccessor(id *wire.PSKID, next *wire.GroupContext, t *tree.Tree) error {
	if err := g.state.tree.Fill(); err != nil {
		return err
	}
	if id.Usage == wire.UsageBranch {
		switch {
		case next.Epoch != 1:
			return rule.Broken("11.3-epoch", "subgroup that does not begin with this commit")
		case next.CipherSuite != g.state.context.CipherSuite:
			return rule.Broken("11.3-cipher-suite", "subgroup of another cipher suite")
		case !g.contains(t, g.state.tree):
			return rule.Broken("11.3-members", "subgroup with one who is no member of the group")
		}
		return nil
	}
	r := g.reinit
	switch {
	case next.Epoch != 1:
		return rule.Broken("11.2-epoch", "successor that does not begin with this commit")
	case r == nil || id.Epoch != g.state.context.Epoch:
		return rule.Broken("11.2-reinit", "group has not ended by a ReInit")
	case next.Version != r.Version:
		return rule.Broken("11.2-version", "successor of another protocol version than the ReInit says")
	case next.CipherSuite != r.CipherSuite:
		return rule.Broken("11.2-cipher-suite", "successor of another cipher suite than the ReInit says")
	case !bytes.Equal(next.GroupID, r.GroupID):
		return rule.Broken("11.2-group-id", "successor with another identifier than the ReInit says")
	case !next.Extensions.Equal(r.Extensions):
		return rule.Broken("11.2-extensions", "successor with other extensions than the ReInit says")
	case !g.contains(g.state.tree, t):
		return rule.Broken("11.2-members", "successor without a member of the group")
	}
	return nil
}

// contains reports whether every member of a tree is, as a client, a member of
// another.
func (g *Group) contains(members, of *tree.Tree) bool {
	known := make(map[string]struct{})
	for _, l := range of.Members() {
		known[g.cfg.client(l.Credential)] = struct{}{}
	}
	for _, l := range members.Members() {
		if _, ok := known[g.cfg.client(l.Credential)]; !ok {
			return false
		}
	}
	return true
}

// follows verifies that a welcome with the key of another group is to what follows from
// that group, and that nothing but its successor follows a group that has ended.
func (j *joiner) follows() error {
	var origin *wire.PSKID
	for i, id := range j.secrets.PSKs {
		if id.Type != wire.PSKResumption || id.Usage == wire.UsageApplication {
			continue
		}
		if origin != nil {
			return rule.Broken("11.2-one-key", "welcome that follows from several groups")
		}
		origin = &j.secrets.PSKs[i]
	}
	from := j.p.From
	if origin == nil {
		if from != nil && from.reinit != nil && bytes.Equal(j.info.Context.GroupID, from.reinit.GroupID) {
			return rule.Broken("11.2-key", "welcome to a successor without the key of the group")
		}
		return nil
	}
	return from.checkSuccessor(origin, &j.info.Context, j.state.tree)
}
