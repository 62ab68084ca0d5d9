// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/securecrypt/securecrypt/mls"
)

// info is what a member publishes for those who join from outside.
func (c *client) info() *mls.GroupInfo {
	c.t.Helper()
	b := must[[]byte](c.t)(c.GroupInfo(mls.GroupInfoOptions{RatchetTree: true, ExternalPub: true}))
	return must[*mls.GroupInfo](c.t)(mls.ParseGroupInfo(b))
}

// stageExternal prepares to join from outside.
func (c *client) stageExternal(info *mls.GroupInfo, change func(*mls.ExternalJoinParams)) *mls.StagedJoin {
	c.t.Helper()
	p := mls.ExternalJoinParams{
		GroupInfo: info, SigningKey: c.key, Credential: mls.BasicCredential([]byte(c.name)), Now: testNow,
	}
	if change != nil {
		change(&p)
	}
	return must[*mls.StagedJoin](c.t)(mls.StageExternalJoin(p, c.cfg))
}

func (c *client) applyJoin(j *mls.StagedJoin) {
	c.t.Helper()
	g, d, err := j.Apply()
	if err != nil {
		c.t.Fatal(err)
	}
	c.Group, c.db = g, memory{}
	c.db.apply(d)
}

// rejoins selects the former leaf of a client.
func (c *client) rejoins(p *mls.ExternalJoinParams) {
	p.Former = func(_ mls.LeafIndex, l *mls.LeafNode) bool { return string(l.Credential().Data) == c.name }
}

func TestExternalJoin(t *testing.T) {
	for _, suite := range suites {
		t.Run(fmt.Sprintf("%#04x", uint16(suite)), func(t *testing.T) {
			a, b, c, d := newClient(t, suite, "a"), newClient(t, suite, "b"), newClient(t, suite, "c"), newClient(t, suite, "d")
			a.create()
			b.applyExternal(t, a.info(), nil, a)
			c.applyExternal(t, b.info(), nil, a, b)
			d.applyExternal(t, a.info(), nil, a, b, c)
			all := []*client{a, b, c, d}
			talk(t, all...)
			for _, m := range all {
				m.reload()
			}
			commit(t, mls.CommitOptions{}, d, all[:3])
			agree(t, all...)
			talk(t, all...)
		})
	}
}

// applyExternal joins from outside while the members take up the commit.
func (c *client) applyExternal(t testing.TB, info *mls.GroupInfo, change func(*mls.ExternalJoinParams), members ...*client) {
	t.Helper()
	j := c.stageExternal(info, change)
	for _, m := range members {
		s := m.process(j.Message()).(*mls.StagedCommit)
		joiner, outside := s.Joiner()
		if !outside || joiner.Index != j.OwnLeaf() || s.Own() || len(s.Removed()) != len(j.Removed()) ||
			!bytes.Equal(joiner.Leaf.SignatureKey(), c.key.Public()) {
			t.Fatalf("%s sees %+v", m.name, joiner)
		}
		m.applyCommit(s)
	}
	c.applyJoin(j)
	for _, m := range members {
		if m.Active() {
			agree(t, c, m)
		}
	}
}

// TestResync has a member lose its state and come back.
func TestResync(t *testing.T) {
	a, b := pair(t)
	c := newClient(t, quick, "c")
	commit(t, mls.CommitOptions{}, a, []*client{b}, c)
	old := &client{t: t, name: "b", suite: quick, cfg: b.cfg, db: b.db, Group: b.Group}
	index := b.OwnLeaf()
	j := b.stageExternal(a.info(), b.rejoins)
	if len(j.Removed()) != 1 || j.Removed()[0].Index != index || j.OwnLeaf() != index || j.Inviter().Index != a.OwnLeaf() {
		t.Fatalf("removes %+v", j.Removed())
	}
	for _, m := range []*client{a, c} {
		s := m.process(j.Message()).(*mls.StagedCommit)
		former, ok := s.Rejoins()
		if !ok || former.Index != index || len(s.Updated()) != 0 || len(s.Added()) != 1 || s.Committer().Leaf == nil {
			t.Fatal("the rejoining member is not told")
		}
		m.applyCommit(s)
	}
	gone := old.process(j.Message()).(*mls.StagedCommit)
	if !gone.RemovesSelf() {
		t.Fatal("the former state is not removed")
	}
	old.applyCommit(gone)
	b.applyJoin(j)
	agree(t, a, b, c)
	talk(t, a, b, c)
	if old.Active() {
		t.Fatal("the former state is active")
	}
}

// TestExternalJoinWithoutFormer is refused, since the signature key is in the group.
func TestExternalJoinWithoutFormer(t *testing.T) {
	a, b := pair(t)
	_, err := mls.StageExternalJoin(mls.ExternalJoinParams{
		GroupInfo: a.info(), SigningKey: b.key, Credential: mls.BasicCredential([]byte("b")), Now: testNow,
	}, b.cfg)
	if mls.BrokenRule(err) != "7.3-unique-signature-key" {
		t.Fatal(err)
	}
	_, err = mls.StageExternalJoin(mls.ExternalJoinParams{
		GroupInfo: a.info(), SigningKey: b.key, Known: func([]byte) bool { return true }, Now: testNow,
	}, b.cfg)
	if mls.BrokenRule(err) != "12.4.3.1-group-id" {
		t.Fatal(err)
	}
}

// TestExternalJoinCommitsSelfRemove takes those along who asked to leave.
func TestExternalJoinCommitsSelfRemove(t *testing.T) {
	a, b := pair(t)
	c, d := newClient(t, quick, "c"), newClient(t, quick, "d")
	commit(t, mls.CommitOptions{}, a, []*client{b}, c)
	info := a.info()
	leave, delta, err := b.ProposeSelfRemove(mls.ProposalOptions{WireFormat: mls.PublicWire})
	if err != nil {
		t.Fatal(err)
	}
	b.db.apply(delta)
	a.process(leave)
	c.process(leave)
	d.applyExternal(t, info, func(p *mls.ExternalJoinParams) { p.SelfRemoves = [][]byte{leave} }, a, b, c)
	if b.Active() {
		t.Fatal("who left is still there")
	}
	talk(t, a, c, d)

	for _, junk := range [][]byte{[]byte("junk"), a.send("no proposal"), leave} {
		_, err := mls.StageExternalJoin(mls.ExternalJoinParams{
			GroupInfo: a.info(), SigningKey: b.key, Credential: mls.BasicCredential([]byte("b")), Now: testNow,
			SelfRemoves: [][]byte{junk},
		}, b.cfg)
		if !errors.Is(err, mls.ErrMalformed) && !errors.Is(err, mls.ErrEpochTooOld) {
			t.Fatal(err)
		}
	}
}

// TestExternalRace has the commit of a joiner lose against that of a member, and join
// anew.
func TestExternalRace(t *testing.T) {
	a, b := pair(t)
	c := newClient(t, quick, "c")
	j := c.stageExternal(a.info(), nil)
	commit(t, mls.CommitOptions{}, a, []*client{b})
	refuses(t, a, j.Message(), mls.ErrEpochTooOld)
	c.applyExternal(t, b.info(), nil, a, b)
	talk(t, a, b, c)
}

// TestGroupInfoOfCommit has a server get the next group info along with the commit.
func TestGroupInfoOfCommit(t *testing.T) {
	a, b := pair(t)
	c := newClient(t, quick, "c")
	s := a.stage(mls.CommitOptions{})
	b.applyCommit(b.process(s.Message()).(*mls.StagedCommit))
	a.reload()
	next := must[[]byte](t)(a.PendingCommit().GroupInfo(mls.GroupInfoOptions{RatchetTree: true, ExternalPub: true}))
	a.applyCommit(a.PendingCommit())
	c.applyExternal(t, must[*mls.GroupInfo](t)(mls.ParseGroupInfo(next)), nil, a, b)
	talk(t, a, b, c)
}

func TestGroupInfoIsChecked(t *testing.T) {
	a := newClient(t, quick, "a")
	a.create()
	b := must[[]byte](t)(a.GroupInfo(mls.GroupInfoOptions{ExternalPub: true}))
	info := must[*mls.GroupInfo](t)(mls.ParseGroupInfo(b))
	if info.Context().Epoch != 0 || info.Extensions()[0].Type != mls.ExtensionExternalPub {
		t.Fatal("accessors")
	}
	p := mls.ExternalJoinParams{GroupInfo: info, SigningKey: a.key, Now: testNow}
	if _, err := mls.StageExternalJoin(p, a.cfg); !errors.Is(err, mls.ErrNoTree) {
		t.Fatal(err)
	}
	for _, junk := range [][]byte{[]byte("junk"), a.kp.Bytes()} {
		if _, err := mls.ParseGroupInfo(junk); !errors.Is(err, mls.ErrMalformed) {
			t.Fatal(err)
		}
	}
}
