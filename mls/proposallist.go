// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"slices"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// provisional is the outcome of applying proposals to an epoch.
type provisional struct {
	proposals  []*queued
	committer  treemath.Leaf // of a commit from outside: where the joiner gets its place
	outside    bool          // by one who joins with it
	tree       *tree.Tree
	extensions wire.Extensions
	added      []treemath.Leaf // in the order of the Add proposals
	adds       []*queued
	updated    []treemath.Leaf
	removed    []treemath.Leaf
	former     *tree.Leaf // the leaf that a joiner from outside had before
	psks       []wire.PSKID
	kemOutput  []byte // of ExternalInit
	reinit     *wire.ReInitParams
	pathNeeded bool
	extended   bool // with extensions that all members must support
}

// isNew tells which leaves were added by the commit itself.
func (p *provisional) isNew(l treemath.Leaf) bool { return slices.Contains(p.added, l) }

// skip returns isNew for repeated use.
func (p *provisional) skip() func(treemath.Leaf) bool {
	if len(p.added) < 8 {
		return p.isNew
	}
	set := make(map[treemath.Leaf]struct{}, len(p.added))
	for _, l := range p.added {
		set[l] = struct{}{}
	}
	return func(l treemath.Leaf) bool {
		_, ok := set[l]
		return ok
	}
}

func (p *provisional) removes(l treemath.Leaf) bool { return slices.Contains(p.removed, l) }

// memberSender is a member as the sender of a message.
func memberSender(l treemath.Leaf) wire.Sender {
	return wire.Sender{Type: wire.SenderMember, Index: uint32(l)}
}

// apply verifies a list of proposals for a commit (RFC 9420, Section 12.2) and
// applies it to a copy of the tree (Section 12.3).
func (st *state) apply(list []*queued, by wire.Sender, cfg *Config, check func(*queued) error) (*provisional, error) {
	if err := checkList(list, by, cfg); err != nil {
		return nil, err
	}
	err := tree.Parallel(len(list), func(i int) error { return check(list[i]) })
	if err != nil {
		return nil, err
	}
	p := &provisional{
		proposals: list, committer: treemath.Leaf(by.Index), outside: by.Type == wire.SenderNewMemberCommit,
		tree: st.tree.Clone(), extensions: st.context.Extensions, pathNeeded: len(list) == 0,
	}
	for _, q := range list {
		if err := p.take(st, cfg, q); err != nil {
			return nil, err
		}
	}
	if err := p.components(st, cfg); err != nil {
		return nil, err
	}
	p.tree.Remove(p.removed...)
	leaves := make([]*tree.Leaf, len(p.adds))
	for i, q := range p.adds {
		leaves[i] = q.leaf
	}
	if p.added, err = p.tree.Add(leaves...); err != nil {
		return nil, err
	}
	if err := cfg.checkClients(p); err != nil {
		return nil, err
	}
	if p.outside {
		if p.committer, err = p.tree.Vacant(); err != nil {
			return nil, err
		}
	}
	if err := p.checkSupport(st); err != nil {
		return nil, err
	}
	return p, nil
}

// take notes what one proposal does, and applies it to the tree if it is an Update.
func (p *provisional) take(st *state, cfg *Config, q *queued) error {
	switch q.proposal.Type {
	case wire.GroupContextExtensions:
		p.extensions, p.extended = q.proposal.Extensions, true
	case wire.Update:
		i := treemath.Leaf(q.sender.Index)
		p.tree.Update(i, q.leaf)
		p.updated = append(p.updated, i)
	case wire.Remove, wire.SelfRemove:
		i, _ := q.target()
		if st.tree.Leaf(i) == nil {
			return rule.Broken("12.1.3-removed", "Remove of a leaf that is blank")
		}
		p.removed = append(p.removed, i)
		if p.outside && q.proposal.Type == wire.Remove {
			p.former = st.tree.Leaf(i)
		}
	case wire.Add:
		p.adds = append(p.adds, q)
	case wire.PSK:
		p.psks = append(p.psks, q.proposal.PSK)
	case wire.ReInit:
		p.reinit = &q.proposal.ReInit
	case wire.ExternalInit:
		p.kemOutput = q.proposal.KEMOutput
	}
	p.pathNeeded = p.pathNeeded || cfg.needsPath(q.proposal.Type)
	return nil
}

// needsPath tells which proposals need an update path (RFC 9420, Section 12.4).
func (c *Config) needsPath(t wire.ProposalType) bool {
	if custom := c.custom(t); custom != nil {
		return custom.NeedsPath
	}
	switch t {
	case wire.Add, wire.PSK, wire.ReInit, wire.AppDataUpdate, wire.AppEphemeral:
		return false
	default:
		return true
	}
}

// inExternalCommit tells which proposals an external commit may hold by value (RFC 9420,
// Section 12.2, and draft-ietf-mls-extensions, which adds SelfRemove by reference).
func (c *Config) inExternalCommit(t wire.ProposalType) bool {
	if custom := c.custom(t); custom != nil {
		return custom.InExternalCommit
	}
	switch t {
	case wire.ExternalInit, wire.Remove, wire.PSK, wire.AppDataUpdate, wire.AppEphemeral:
		return true
	default:
		return false
	}
}

// checkList verifies how the proposals of a commit go together (RFC 9420,
// Section 12.2).
func checkList(list []*queued, by wire.Sender, cfg *Config) error {
	c := &listCheck{cfg: cfg, by: by, targets: make(map[treemath.Leaf]struct{}), psks: make(map[string]struct{}), count: make(map[wire.ProposalType]int)}
	for _, q := range list {
		c.count[q.proposal.Type]++
		for _, check := range []func(*queued) error{c.target, c.psk} {
			if err := check(q); err != nil {
				return err
			}
		}
	}
	if by.Type == wire.SenderNewMemberCommit {
		return c.fromOutside(list)
	}
	return c.byMember(list)
}

// listCheck looks at the proposals of a commit one after the other.
type listCheck struct {
	cfg     *Config
	by      wire.Sender
	targets map[treemath.Leaf]struct{}
	psks    map[string]struct{}
	count   map[wire.ProposalType]int
}

// target verifies that no leaf is changed twice, nor the committer's by a proposal.
func (c *listCheck) target(q *queued) error {
	t := q.proposal.Type
	if t == wire.SelfRemove && q.ref == nil {
		return rule.Broken("ext-self-remove-reference", "commit with a SelfRemove by value")
	}
	i, ok := q.target()
	if !ok {
		return nil
	}
	if c.by == memberSender(i) && t == wire.Update {
		return rule.Broken("12.2-update-committer", "commit with an Update by the committer")
	}
	if c.by == memberSender(i) {
		return rule.Broken("12.2-remove-committer", "commit that removes the committer")
	}
	if _, twice := c.targets[i]; twice {
		return rule.Broken("12.2-same-leaf", "commit with two proposals for leaf %d", i)
	}
	c.targets[i] = struct{}{}
	return nil
}

func (c *listCheck) psk(q *queued) error {
	if q.proposal.Type != wire.PSK {
		return nil
	}
	id := string(q.proposal.Bytes())
	if _, twice := c.psks[id]; twice {
		return rule.Broken("12.2-psk-twice", "commit with two PreSharedKeys of one identifier")
	}
	c.psks[id] = struct{}{}
	return nil
}

func (c *listCheck) byMember(list []*queued) error {
	switch {
	case c.count[wire.GroupContextExtensions] > 1:
		return rule.Broken("12.2-extensions-twice", "commit with two GroupContextExtensions")
	case c.count[wire.ReInit] > 0 && len(list) > 1:
		return rule.Broken("12.2-reinit-alone", "commit with a ReInit beside other proposals")
	case c.count[wire.ExternalInit] > 0:
		return rule.Broken("12.2-external-init", "commit by a member with an ExternalInit")
	}
	return nil
}

// fromOutside verifies the proposals of an external commit.
func (c *listCheck) fromOutside(list []*queued) error {
	if c.count[wire.ExternalInit] != 1 {
		return rule.Broken("12.2-external-init-once", "external commit with %d ExternalInits", c.count[wire.ExternalInit])
	}
	if c.count[wire.Remove] > 1 {
		return rule.Broken("12.2-external-remove-once", "external commit that removes several leaves")
	}
	for _, q := range list {
		switch t := q.proposal.Type; {
		case q.ref != nil && t != wire.SelfRemove:
			return rule.Broken("12.4.3.2-reference", "external commit with a proposal by reference")
		case t != wire.SelfRemove && !c.cfg.inExternalCommit(t):
			return rule.Broken("12.2-external-type", "external commit with a proposal of type %#04x", t)
		}
	}
	return nil
}
