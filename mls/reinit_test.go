// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"errors"
	"testing"

	"github.com/securecrypt/securecrypt/mls"
)

// renewed makes key packages of some clients for another suite.
func renewed(t *testing.T, suite mls.CipherSuite, clients ...*client) (out []*client) {
	t.Helper()
	for _, c := range clients {
		out = append(out, newClient(t, suite, c.name))
	}
	return out
}

// successor describes the group that a client founds for the others.
func (c *client) successor(others ...*client) mls.SuccessorParams {
	p := mls.SuccessorParams{
		SigningKey: c.key, Credential: mls.BasicCredential([]byte(c.name)), Lifetime: testLifetime(), Now: testNow,
	}
	for _, o := range others {
		p.Members = append(p.Members, o.kp)
	}
	return p
}

// found takes up a new group and lets the others in, from what they know of the old.
func (c *client) found(t *testing.T, g *mls.Group, d mls.Delta, others, from []*client) {
	t.Helper()
	c.db = memory{}
	c.db.apply(d)
	c.Group = g
	c.reload()
	s := c.PendingCommit()
	c.applyCommit(s)
	for i, o := range others {
		w := must[*mls.Welcome](t)(mls.ParseWelcome(must[[]byte](t)(s.Welcome(o.kp))))
		o.applyJoin(must[*mls.StagedJoin](t)(mls.StageJoin(mls.JoinParams{
			Welcome: w, KeyPackage: o.kp, Private: o.priv, RatchetTree: s.RatchetTree(), From: from[i].Group, Now: testNow,
		}, o.cfg)))
	}
	all := append([]*client{c}, others...)
	agree(t, all...)
	talk(t, all...)
}

// TestReInit moves a group to another suite.
func TestReInit(t *testing.T) {
	a, b := pair(t)
	c := newClient(t, quick, "c")
	commit(t, mls.CommitOptions{}, a, []*client{b}, c)
	late := a.send("late")
	r := mls.ReInit{GroupID: []byte("next"), Suite: mls.DefaultCipherSuite}
	msg, d, err := b.ProposeReInit(r, mls.ProposalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.db.apply(d)
	for _, m := range []*client{a, c} {
		if p := m.process(msg).(*mls.ReceivedProposal).Proposal; p.ReInit == nil || string(p.ReInit.GroupID) != "next" {
			t.Fatalf("%+v", p)
		}
	}
	s := a.stage(mls.CommitOptions{Pending: true})
	for _, m := range []*client{b, c} {
		f := m.process(s.Message()).(*mls.StagedCommit)
		if got, ends := f.ReInit(); !ends || got.Suite != mls.DefaultCipherSuite {
			t.Fatal("the end is not told")
		}
		m.applyCommit(f)
	}
	a.reload()
	a.applyCommit(a.PendingCommit())
	agree(t, a, b, c)
	for _, m := range []*client{a, b, c} {
		m.reload()
		if _, ended := m.ReInit(); !ended || !m.Active() {
			t.Fatal("the group has not ended")
		}
		if _, _, err := m.Protect(nil, mls.ProtectOptions{}); !errors.Is(err, mls.ErrReInit) {
			t.Fatal(err)
		}
		if _, _, err := m.Stage(mls.CommitOptions{}); !errors.Is(err, mls.ErrReInit) {
			t.Fatal(err)
		}
		if _, _, err := m.ProposeUpdate(mls.LeafUpdate{}, mls.ProposalOptions{}); !errors.Is(err, mls.ErrReInit) {
			t.Fatal(err)
		}
		if _, err := m.GroupInfo(mls.GroupInfoOptions{}); !errors.Is(err, mls.ErrReInit) {
			t.Fatal(err)
		}
	}
	b.process(late)

	next := renewed(t, mls.DefaultCipherSuite, a, b, c)
	if _, _, _, err := c.Reinitialize(next[2].successor(next[0])); mls.BrokenRule(err) != "11.2-members" {
		t.Fatal(err)
	}
	more := append([]*client{newClient(t, mls.DefaultCipherSuite, "stranger")}, next[:2]...)
	if _, _, _, err := c.Reinitialize(next[2].successor(more...)); mls.BrokenRule(err) != "11.2-members" {
		t.Fatal(err)
	}
	g, _, delta, err := c.Reinitialize(next[2].successor(next[0], next[1]))
	if err != nil {
		t.Fatal(err)
	}
	next[2].found(t, g, delta, next[:2], []*client{a, b})
}

// TestReInitIsAlone prefers other proposals (RFC 9420, Section 12.2).
func TestReInitIsAlone(t *testing.T) {
	a, b := pair(t)
	for _, f := range []func() ([]byte, mls.Delta, error){
		func() ([]byte, mls.Delta, error) {
			return b.ProposeReInit(mls.ReInit{Suite: quick}, mls.ProposalOptions{})
		},
		func() ([]byte, mls.Delta, error) { return b.ProposeUpdate(mls.LeafUpdate{}, mls.ProposalOptions{}) },
	} {
		msg, d, err := f()
		if err != nil {
			t.Fatal(err)
		}
		b.db.apply(d)
		a.process(msg)
	}
	commit(t, mls.CommitOptions{Pending: true}, a, []*client{b})
	if _, ended := a.ReInit(); ended || !a.Active() {
		t.Fatal("the group has ended")
	}
	talk(t, a, b)

	// Who insists on it leaves the others out.
	msg, d, err := b.ProposeUpdate(mls.LeafUpdate{}, mls.ProposalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.db.apply(d)
	a.process(msg)
	commit(t, mls.CommitOptions{Pending: true, ReInit: &mls.ReInit{Suite: quick}}, a, []*client{b})
	if _, ended := b.ReInit(); !ended {
		t.Fatal("the group has not ended")
	}
}

func TestBranch(t *testing.T) {
	a, b := pair(t)
	c := newClient(t, quick, "c")
	commit(t, mls.CommitOptions{}, a, []*client{b}, c)
	sub := renewed(t, quick, a, c)
	g, _, d, err := a.Branch(sub[0].successor(sub[1]))
	if err != nil {
		t.Fatal(err)
	}
	sub[0].found(t, g, d, sub[1:], []*client{c})
	talk(t, a, b, c)
	stranger := newClient(t, quick, "stranger")
	if _, _, _, err := a.Branch(sub[0].successor(stranger)); mls.BrokenRule(err) != "11.3-members" {
		t.Fatal(err)
	}
}

// TestSuccessorNeedsTheOldGroup lets nobody in who does not know it.
func TestSuccessorNeedsTheOldGroup(t *testing.T) {
	a, b := pair(t)
	sub := renewed(t, quick, a, b)
	_, s, _, err := a.Branch(sub[0].successor(sub[1]))
	if err != nil {
		t.Fatal(err)
	}
	w := must[*mls.Welcome](t)(mls.ParseWelcome(s.WelcomeAll()))
	_, err = mls.StageJoin(mls.JoinParams{
		Welcome: w, KeyPackage: sub[1].kp, Private: sub[1].priv, RatchetTree: s.RatchetTree(), Now: testNow,
	}, sub[1].cfg)
	if !errors.Is(err, mls.ErrUnknownPSK) {
		t.Fatal(err)
	}
	solo := newClient(t, quick, "solo")
	solo.create()
	for _, r := range []mls.ReInit{{}, {Suite: 4}, {Suite: quick, Version: 2}} {
		if _, _, err := solo.ProposeReInit(r, mls.ProposalOptions{}); !errors.Is(err, mls.ErrUnsupported) {
			t.Fatal(err)
		}
		if _, _, err := solo.Stage(mls.CommitOptions{ReInit: &r}); !errors.Is(err, mls.ErrUnsupported) {
			t.Fatal(err)
		}
	}
	if _, _, _, err := solo.Reinitialize(mls.SuccessorParams{}); mls.BrokenRule(err) != "11.2-reinit" {
		t.Fatal(err)
	}
}
