// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"slices"

	"github.com/securecrypt/securecrypt/mls"
)

// What the model does beside commits, proposals and messages: clients join from outside,
// lose their state, fall behind and catch up, and messages are spoiled.

func (m *model) see(msg []byte) {
	if m.seen = append(m.seen, msg); len(m.seen) > 30 {
		m.seen = m.seen[1:]
	}
}

// outside prepares a client to join by what a member publishes.
func (m *model) outside(c *client, former []byte) *mls.StagedJoin {
	return c.stageExternal(m.pick().info(), func(p *mls.ExternalJoinParams) {
		p.Capabilities = c.capabilities
		p.Former = func(_ mls.LeafIndex, l *mls.LeafNode) bool { return bytes.Equal(l.SignatureKey(), former) }
		if m.rng.IntN(2) == 0 {
			p.PSKs = []mls.PSKID{mls.ExternalPSK([]byte("one"))}
		}
		if m.rng.IntN(3) == 0 {
			p.AppData = []mls.AppDataUpdate{{Component: counter, Data: []byte("j")}}
		}
		for _, l := range m.leaving {
			if l.by != c {
				p.SelfRemoves = append(p.SelfRemoves, l.msg)
			}
		}
	})
}

// enter has the members take up an external commit.
func (m *model) enter(c *client, j *mls.StagedJoin) {
	g, d, err := j.Apply()
	if err != nil {
		m.t.Fatal(err)
	}
	m.deliver(c, j.Message(), g.EpochAuthenticator())
	c.Group, c.db = g, memory{}
	c.db.apply(d)
	m.settled(c)
}

func (m *model) joinOutside() {
	if m.full() {
		return
	}
	c := m.newcomer()
	j := m.outside(c, nil)
	if m.rng.IntN(3) == 0 { // another commit is ahead
		m.settle(m.in[0], m.in[0].stage(mls.CommitOptions{Pending: true}), nil)
		if _, _, err := m.pick().Process(j.Message(), testNow); !errors.Is(err, mls.ErrEpochTooOld) {
			m.t.Fatal(err)
		}
		j = m.outside(c, nil)
	}
	m.enter(c, j)
}

// resync has a client lose its state, and now and then its signature key, and come back.
func (m *model) resync() {
	all := slices.Clone(m.in)
	for c := range m.behind {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *client) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	c := all[m.rng.IntN(len(all))]
	if len(m.others(c)) == 0 {
		return
	}
	m.in = m.others(c)
	delete(m.behind, c)
	for _, s := range m.queue {
		s.to = slices.DeleteFunc(s.to, func(o *client) bool { return o == c })
	}
	former := c.key.Public()
	if m.rng.IntN(2) == 0 {
		c.key = must[*mls.SigningKey](m.t)(mls.NewSigningKey(m.suite, rand.Reader))
	}
	m.enter(c, m.outside(c, former))
}

// catchUp has a client process what it missed.
func (m *model) catchUp() {
	var names []*client
	for c := range m.behind {
		names = append(names, c)
	}
	if len(names) == 0 {
		return
	}
	slices.SortFunc(names, func(a, b *client) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	c := names[m.rng.IntN(len(names))]
	backlog := m.behind[c]
	delete(m.behind, c)
	for _, msg := range backlog {
		if m.rng.IntN(4) == 0 {
			c.reload()
		}
		if s, isCommit := c.process(msg).(*mls.StagedCommit); isCommit {
			c.applyCommit(s)
		}
		if !c.Active() {
			return
		}
	}
	m.in = append(m.in, c)
	agree(m.t, m.in...)
}

// spoil has a client process something that somebody tampered with: whatever it is, it is
// refused and changes nothing.
func (m *model) spoil() {
	if len(m.seen) == 0 {
		return
	}
	msg := bytes.Clone(m.seen[m.rng.IntN(len(m.seen))])
	switch m.rng.IntN(4) {
	case 0:
		msg = msg[:m.rng.IntN(len(msg))]
	case 1:
		other := m.seen[m.rng.IntN(len(m.seen))]
		msg = append(msg[:m.rng.IntN(len(msg))], other[m.rng.IntN(len(other)):]...)
	default:
		msg[m.rng.IntN(len(msg))] ^= 1 << m.rng.IntN(8)
	}
	if slices.ContainsFunc(m.seen, func(s []byte) bool { return bytes.Equal(s, msg) }) {
		return
	}
	c := m.pick()
	before := c.EpochAuthenticator()
	pending := len(c.PendingProposals())
	if r, d, err := c.Process(msg, testNow); err == nil || len(d.Put)+len(d.Delete) > 0 {
		m.t.Fatalf("a spoiled message is taken up as %+v", r)
	}
	if !bytes.Equal(before, c.EpochAuthenticator()) || pending != len(c.PendingProposals()) {
		m.t.Fatal("a spoiled message has an effect")
	}
}

// betray has a member send the others a commit that breaks a rule.
func (m *model) betray() {
	by := m.pick()
	traitor := must[*mls.Group](m.t)(mls.LoadGroup(by.db, by.cfg))
	way := m.rng.IntN(100)
	msg := mls.HostileCommit(m.t, traitor, way)
	for _, c := range m.others(by) {
		if r, _, err := c.Process(msg, testNow); err == nil {
			m.t.Fatalf("%s takes up %v, hostile in way %d", c.name, r, way)
		}
	}
}

// succeed makes a group of clients that follow from what they know.
func (m *model) succeed(by *client, others []*client, make func(mls.SuccessorParams) (*mls.Group, *mls.StagedCommit, mls.Delta, error)) []*client {
	next := []*client{m.renew(by)}
	for _, o := range others {
		next = append(next, m.renew(o))
	}
	p := next[0].successor(next[1:]...)
	p.Capabilities, p.Credential = by.capabilities, by.Member(by.OwnLeaf()).Credential()
	g, _, d, err := make(p)
	if err != nil {
		m.t.Fatal(err)
	}
	next[0].db = memory{}
	next[0].db.apply(d)
	next[0].Group = g
	next[0].reload()
	s := next[0].PendingCommit()
	next[0].applyCommit(s)
	for i, o := range next[1:] {
		w := must[*mls.Welcome](m.t)(mls.ParseWelcome(must[[]byte](m.t)(s.Welcome(o.kp))))
		o.applyJoin(must[*mls.StagedJoin](m.t)(mls.StageJoin(mls.JoinParams{
			Welcome: w, KeyPackage: o.kp, Private: o.priv, RatchetTree: s.RatchetTree(), From: others[i].Group, Now: testNow,
		}, o.cfg)))
	}
	agree(m.t, next...)
	return next
}

// renew makes a client with the present credential of another.
func (m *model) renew(c *client) *client {
	n := newClient(m.t, m.suite, c.name)
	n.cfg, n.capabilities = c.cfg, c.capabilities
	credential := c.Member(c.OwnLeaf()).Credential()
	n.fresh(func(p *mls.KeyPackageParams) { p.Credential = credential })
	return n
}

// branch makes a group of some members, which is not followed any further.
func (m *model) branch() {
	by := m.pick()
	others := m.others(by)
	m.succeed(by, others[:m.rng.IntN(len(others)+1)], by.Branch)
}

// reinit moves everybody to a new group, if nobody is behind.
func (m *model) reinit() {
	if len(m.behind) > 0 {
		return
	}
	by := m.pick()
	s := by.stage(mls.CommitOptions{ReInit: &mls.ReInit{GroupID: []byte{byte(m.rng.Uint32())}, Suite: m.suite}})
	for _, c := range m.others(by) {
		c.applyCommit(c.process(s.Message()).(*mls.StagedCommit))
	}
	by.applyCommit(s)
	agree(m.t, m.in...)
	by = m.pick()
	m.in = m.succeed(by, m.others(by), by.Reinitialize)
	m.queue, m.leaving, m.seen = nil, nil, nil
}
