// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"slices"

	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// collect puts together the proposals of an own commit, applies them and
// authenticates what they bring.
func (g *Group) collect(o *CommitOptions, more []*queued) (*provisional, error) {
	p, err := g.gather(o, more)
	if err != nil {
		return nil, err
	}
	return p, g.cfg.authenticateCommit(g.state, p, nil, o.Now)
}

func (g *Group) gather(o *CommitOptions, more []*queued) (*provisional, error) {
	st := g.state
	check := func(q *queued) error {
		if q.ref == nil && q.proposal.Type == wire.Add {
			if err := g.cfg.Policy.checkSent(q.leaf.LeafNode, o.Now); err != nil {
				return err
			}
		}
		return st.checkProposal(q, &g.cfg, o.Now)
	}
	list, err := g.byValue(o)
	if err != nil {
		return nil, err
	}
	list = append(list, more...)
	if !o.Pending || len(g.pending) == 0 {
		return st.apply(list, memberSender(st.own), &g.cfg, check)
	}
	pending := slices.DeleteFunc(g.compatible(list), func(q *queued) bool {
		return g.cfg.authenticateProposal(st, q, o.Now) != nil
	})
	all := append(slices.Clone(list), pending...)
	p, err := st.apply(all, memberSender(st.own), &g.cfg, check)
	if err == nil {
		return p, nil
	}
	return g.collectEach(list, pending, check)
}

// maxRetry bounds how many pending proposals are tried one by one.
const maxRetry = 64

// collectEach finds the pending proposals that can be committed, after all of them
// together could not.
func (g *Group) collectEach(list, pending []*queued, check func(*queued) error) (*provisional, error) {
	by := memberSender(g.state.own)
	if _, bad := g.state.apply(list, by, &g.cfg, check); bad != nil && len(list) > 0 {
		return nil, bad
	}
	if len(pending) > maxRetry {
		pending = pending[:maxRetry]
	}
	var p *provisional
	for _, q := range pending {
		if next, bad := g.state.apply(append(slices.Clone(list), q), by, &g.cfg, check); bad == nil {
			list, p = next.proposals, next
		}
	}
	if p == nil {
		return g.state.apply(list, by, &g.cfg, check)
	}
	return p, nil
}

// byValue returns the proposals that the options ask for.
func (g *Group) byValue(o *CommitOptions) ([]*queued, error) {
	sender := memberSender(g.state.own)
	var list []*queued
	if o.Extensions != nil {
		list = append(list, newQueued(&wire.Proposal{
			Type: wire.GroupContextExtensions, Extensions: extensionsToWire(o.Extensions),
		}, sender))
	}
	for _, i := range o.Remove {
		list = append(list, newQueued(&wire.Proposal{Type: wire.Remove, Remove: uint32(i)}, sender))
	}
	for _, kp := range o.Add {
		q := newQueued(&wire.Proposal{Type: wire.Add, Add: kp.kp}, sender)
		q.verified = kp.verified.Load() && kp.suite == g.state.suite
		list = append(list, q)
	}
	if o.ReInit != nil {
		p, err := o.ReInit.proposal(g.cfg.Rand)
		if err != nil {
			return nil, err
		}
		list = append(list, newQueued(p, sender))
	}
	for _, e := range o.AppEphemeral {
		list = append(list, newQueued(e.proposal(), sender))
	}
	for _, u := range o.AppData {
		list = append(list, newQueued(u.proposal(), sender))
	}
	for _, c := range o.Custom {
		list = append(list, newQueued(c.proposal(), sender))
	}
	for _, id := range o.PSKs {
		p, err := id.proposal(g.state.suite, g.cfg.Rand)
		if err != nil {
			return nil, err
		}
		list = append(list, newQueued(p, sender))
	}
	return list, nil
}

// compatible selects the pending proposals that go with each other and with those
// given: of several for one leaf a removal, or else the latest update (RFC 9420,
// Section 12.2), and no kind that this client could not commit. A ReInit must be alone.
func (g *Group) compatible(list []*queued) []*queued {
	best := make(map[treemath.Leaf]*queued)
	extensions := false
	for _, q := range list {
		if i, ok := q.target(); ok {
			best[i] = q
		}
		extensions = extensions || q.proposal.Type == wire.GroupContextExtensions
	}
	for _, q := range g.pending {
		i, ok := q.target()
		if !ok || i == g.state.own {
			continue
		}
		if prior := best[i]; prior == nil || prior.ref != nil && rank(q) >= rank(prior) {
			best[i] = q
		}
	}
	var out []*queued
	for _, q := range g.pending {
		if i, ok := q.target(); ok {
			if best[i] == q {
				out = append(out, q)
			}
			continue
		}
		switch q.proposal.Type {
		case wire.Add:
			out = append(out, q)
		case wire.PSK:
			if g.psk(q.proposal.PSK) != nil {
				out = append(out, q)
			}
		case wire.GroupContextExtensions:
			if !extensions {
				out = append(out, q)
			}
			extensions = true
		case wire.AppDataUpdate, wire.AppEphemeral:
			if g.cfg.Components != nil {
				out = append(out, q)
			}
		default:
			if g.cfg.custom(q.proposal.Type) != nil {
				out = append(out, q)
			}
		}
	}
	if len(list)+len(out) > 0 {
		return out
	}
	for _, q := range g.pending {
		if q.proposal.Type == wire.ReInit {
			return []*queued{q}
		}
	}
	return nil
}

// rank orders proposals for one leaf by how they are preferred.
func rank(q *queued) int {
	switch q.proposal.Type {
	case wire.SelfRemove:
		return 2
	case wire.Remove:
		return 1
	default:
		return 0
	}
}
