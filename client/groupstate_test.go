// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/mls"
)

// extensionOther is one that no conversation has.
const extensionOther mls.ExtensionType = 0xF5C2

// A player is a member who uses package mls as they please.
type player struct {
	address string
	key     *mls.SigningKey
	group   *mls.Group
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newPlayer(t testing.TB, address string) *player {
	t.Helper()
	key, err := mls.NewSigningKey(mls.DefaultCipherSuite, rand.Reader)
	fatal(t, err)
	return &player{address: address, key: key}
}

func (p *player) credential(t testing.TB) mls.Credential {
	t.Helper()
	a, err := account.ParseAddress(p.address)
	fatal(t, err)
	b, err := account.Credential{Address: a, Device: account.DeviceID(p.key.Public())}.Encode()
	fatal(t, err)
	return mls.BasicCredential(b)
}

func lifetime() mls.Lifetime {
	return mls.Lifetime{NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
}

func (p *player) keyPackage(t testing.TB) (*mls.KeyPackage, *mls.KeyPackagePrivate) {
	t.Helper()
	kp, private, err := mls.NewKeyPackage(mls.KeyPackageParams{
		Suite: mls.DefaultCipherSuite, SigningKey: p.key, Credential: p.credential(t), Lifetime: lifetime(),
		Capabilities: mls.DefaultCapabilities(rules.ExtensionType, extensionOther), Rand: rand.Reader,
	})
	fatal(t, err)
	return kp, private
}

func (p *player) create(t testing.TB, state rules.State, channel ...byte) {
	t.Helper()
	extension, err := state.Extension()
	fatal(t, err)
	p.group, _, err = mls.CreateGroup(mls.GroupParams{
		Suite: mls.DefaultCipherSuite, GroupID: channel, SigningKey: p.key, Credential: p.credential(t), Lifetime: lifetime(),
		Capabilities: mls.DefaultCapabilities(rules.ExtensionType, extensionOther), Extensions: []mls.Extension{extension},
	}, mlsConfig())
	fatal(t, err)
}

// invite commits the addition of whoever has the key packages.
func (p *player) invite(t testing.TB, kps ...*mls.KeyPackage) *mls.StagedCommit {
	t.Helper()
	staged, _, err := p.group.Stage(mls.CommitOptions{Now: time.Now(), Add: kps})
	fatal(t, err)
	_, err = p.group.Apply(staged)
	fatal(t, err)
	return staged
}

// add brings others into the group.
func (p *player) add(t testing.TB, others ...*player) {
	t.Helper()
	var kps []*mls.KeyPackage
	var privates []*mls.KeyPackagePrivate
	for _, o := range others {
		kp, private := o.keyPackage(t)
		kps, privates = append(kps, kp), append(privates, private)
	}
	staged := p.invite(t, kps...)
	for i, o := range others {
		raw, err := staged.Welcome(kps[i])
		fatal(t, err)
		welcome, err := mls.ParseWelcome(raw)
		fatal(t, err)
		join, err := mls.StageJoin(mls.JoinParams{
			Welcome: welcome, KeyPackage: kps[i], Private: privates[i], RatchetTree: staged.RatchetTree(), Now: time.Now(),
		}, mlsConfig())
		fatal(t, err)
		o.group, _, err = join.Apply()
		fatal(t, err)
	}
}

func (p *player) process(t testing.TB, message []byte) mls.Received {
	t.Helper()
	r, _, err := p.group.Process(message, time.Now())
	fatal(t, err)
	return r
}

// judgeBy judges a commit as a member does who followed the group so far.
func judgeBy(p *player, state rules.State, commit *mls.StagedCommit) (rules.State, error) {
	return rules.Rules{State: state, Leaves: leavesByAddress(p.group)}.Judge(commit)
}

// cast is a group with everybody that the rules tell apart.
type cast struct{ owner, admin, admin2, member, member2 *player }

func newCast(t testing.TB) (c cast, state rules.State) {
	c = cast{
		owner: newPlayer(t, "owner@here"), admin: newPlayer(t, "admin@here"), admin2: newPlayer(t, "admin2@here"),
		member: newPlayer(t, "member@here"), member2: newPlayer(t, "member2@here"),
	}
	state = rules.State{Version: records.Version, Host: "here", Group: true, Title: "Title"}
	state = state.WithRole("owner@here", chat.RoleOwner).WithRole("admin@here", chat.RoleAdmin).WithRole("admin2@here", chat.RoleAdmin)
	state = state.WithRole("former@here", chat.RoleOwner) // left when roles stayed
	c.owner.create(t, state)
	c.owner.add(t, c.admin, c.admin2, c.member, c.member2)
	return c, state
}

// extensions encodes a state, and what else there is.
func extensions(t testing.TB, s rules.State, more ...mls.Extension) []mls.Extension {
	t.Helper()
	e, err := s.Extension()
	fatal(t, err)
	return append([]mls.Extension{e}, more...)
}

func TestJudgeKnowsTheRules(t *testing.T) {
	renamed := func(s rules.State) rules.State { s.Title = "Other"; return s }
	timed := func(s rules.State) rules.State { s.Timer = 60; return s }
	type options = mls.CommitOptions
	type plan func(t *testing.T, c cast, s rules.State) options
	change := func(f func(rules.State) rules.State, more ...mls.Extension) plan {
		return func(t *testing.T, _ cast, s rules.State) options {
			return options{Extensions: extensions(t, f(s), more...)}
		}
	}
	adding := func(t *testing.T, _ cast, _ rules.State) options {
		kp, _ := newPlayer(t, "new@here").keyPackage(t)
		return options{Add: []*mls.KeyPackage{kp}}
	}
	removing := func(who func(cast) *player) plan {
		return func(_ *testing.T, c cast, _ rules.State) options {
			return options{Remove: []mls.LeafIndex{who(c).group.OwnLeaf()}}
		}
	}
	owner := func(c cast) *player { return c.owner }
	admin := func(c cast) *player { return c.admin }
	admin2 := func(c cast) *player { return c.admin2 }
	member := func(c cast) *player { return c.member }
	member2 := func(c cast) *player { return c.member2 }
	same := func(s rules.State) rules.State { return s }
	for name, one := range map[string]struct {
		by   func(cast) *player
		plan plan
		ok   bool
	}{
		"a member renews keys":        {member, func(*testing.T, cast, rules.State) options { return options{} }, true},
		"the owner adds":              {owner, adding, true},
		"an admin adds":               {admin, adding, true},
		"a member adds":               {member, adding, false},
		"the owner removes an admin":  {owner, removing(admin), true},
		"an admin removes a member":   {admin, removing(member), true},
		"an admin removes an admin":   {admin, removing(admin2), false},
		"an admin removes the owner":  {admin, removing(owner), false},
		"a member removes a member":   {member, removing(member2), false},
		"a member removes the owner":  {member, removing(owner), false},
		"an admin renames":            {admin, change(renamed), true},
		"a member renames":            {member, change(renamed), false},
		"an admin sets the timer":     {admin, change(timed), true},
		"a member sets the timer":     {member, change(timed), false},
		"the owner gives a role":      {owner, change(func(s rules.State) rules.State { return s.WithRole("member@here", chat.RoleAdmin) }), true},
		"an admin gives a role":       {admin, change(func(s rules.State) rules.State { return s.WithRole("member@here", chat.RoleAdmin) }), false},
		"an admin makes itself owner": {admin, change(func(s rules.State) rules.State { return s.WithRole("admin@here", chat.RoleOwner) }), false},
		"a member makes itself admin": {member, change(func(s rules.State) rules.State { return s.WithRole("member@here", chat.RoleAdmin) }), false},
		"an admin drops the role of whom it removes": {admin, func(t *testing.T, c cast, s rules.State) options {
			return options{Remove: []mls.LeafIndex{c.member.group.OwnLeaf()}, Extensions: extensions(t, s.WithRole("former@here", chat.RoleMember))}
		}, true},
		"the owner removes an admin with the role": {owner, func(t *testing.T, c cast, s rules.State) options {
			return options{Remove: []mls.LeafIndex{c.admin.group.OwnLeaf()}, Extensions: extensions(t, s.WithRole("admin@here", chat.RoleMember))}
		}, true},
		"an admin adds an owner of earlier with the role": {admin, func(t *testing.T, _ cast, _ rules.State) options {
			kp, _ := newPlayer(t, "former@here").keyPackage(t)
			return options{Add: []*mls.KeyPackage{kp}}
		}, false},
		"an admin adds an owner of earlier without the role": {admin, func(t *testing.T, _ cast, s rules.State) options {
			kp, _ := newPlayer(t, "former@here").keyPackage(t)
			return options{Add: []*mls.KeyPackage{kp}, Extensions: extensions(t, s.WithRole("former@here", chat.RoleMember))}
		}, true},
		"the owner adds an owner of earlier with the role": {owner, func(t *testing.T, _ cast, _ rules.State) options {
			kp, _ := newPlayer(t, "former@here").keyPackage(t)
			return options{Add: []*mls.KeyPackage{kp}}
		}, true},
		"an admin adds a new owner": {admin, func(t *testing.T, _ cast, s rules.State) options {
			kp, _ := newPlayer(t, "new@here").keyPackage(t)
			return options{Add: []*mls.KeyPackage{kp}, Extensions: extensions(t, s.WithRole("new@here", chat.RoleOwner))}
		}, false},
		"the owner gives a role to nobody":       {owner, change(func(s rules.State) rules.State { return s.WithRole("nobody@here", chat.RoleAdmin) }), false},
		"a member drops the role of who is gone": {member, change(func(s rules.State) rules.State { return s.WithRole("former@here", chat.RoleMember) }), true},
		"a member drops a role":                  {member, change(func(s rules.State) rules.State { return s.WithRole("admin@here", chat.RoleMember) }), false},
		"an admin gives up its role":             {admin, change(func(s rules.State) rules.State { return s.WithRole("admin@here", chat.RoleMember) }), false},
		"the owner moves to another host":        {owner, change(func(s rules.State) rules.State { s.Host = "there"; return s }), false},
		"the owner makes it a direct one":        {owner, change(func(s rules.State) rules.State { s.Group = false; return s }), false},
		"the owner adds a property":              {owner, change(same, mls.Extension{Type: extensionOther, Data: []byte{1}}), false},
		"a member adds a property":               {member, change(same, mls.Extension{Type: extensionOther}), false},
		"the owner removes the state":            {owner, func(*testing.T, cast, rules.State) options { return options{Extensions: []mls.Extension{}} }, false},
		"the owner sets a title too long":        {owner, change(func(s rules.State) rules.State { s.Title = strings.Repeat("x", chat.MaxTitle+1); return s }), false},
		"the owner gives an unknown role":        {owner, change(func(s rules.State) rules.State { return s.WithRole("member@here", 7) }), false},
		"the owner ends the group": {owner, func(_ *testing.T, _ cast, s rules.State) options {
			return options{ReInit: &mls.ReInit{GroupID: []byte("next"), Suite: mls.DefaultCipherSuite, Extensions: extensions(t, s)}}
		}, false},
		"a member adds an older key": {member, func(_ *testing.T, c cast, _ rules.State) options {
			return options{PSKs: []mls.PSKID{mls.ResumptionPSK(c.member.group.GroupID(), c.member.group.Epoch())}}
		}, false},
		"a member becomes somebody else":   {member, impersonate("owner@here"), false},
		"a member becomes another device":  {member, impersonate("member@here"), false},
		"a member changes its signing key": {member, rekey, false},
	} {
		t.Run(name, func(t *testing.T) {
			c, state := newCast(t)
			by := one.by(c)
			o := one.plan(t, c, state)
			o.Now = time.Now()
			staged, _, err := by.group.Stage(o)
			fatal(t, err)
			witness := c.member2
			if by == witness {
				witness = c.member
			}
			_, err = judgeBy(witness, state, witness.process(t, staged.Message()).(*mls.StagedCommit))
			if (err == nil) != one.ok {
				t.Errorf("judgement: %v", err)
			}
			if !one.ok && !errors.Is(err, rules.ErrRule) {
				t.Errorf("%v is not a broken rule", err)
			}
		})
	}
}

// Anybody may remove a member without a role who makes commits without a
// purpose, again and again, and nobody else.
func TestJudgeOfThoseWhoDisturb(t *testing.T) {
	for name, one := range map[string]struct {
		who  func(cast) *player
		made uint8
		ok   bool
	}{
		"a member after four":  {func(c cast) *player { return c.member }, rules.MaxIdle, false},
		"a member after five":  {func(c cast) *player { return c.member }, rules.MaxIdle + 1, true},
		"an admin after five":  {func(c cast) *player { return c.admin }, rules.MaxIdle + 1, false},
		"the owner after five": {func(c cast) *player { return c.owner }, rules.MaxIdle + 1, false},
	} {
		c, state := newCast(t)
		who := one.who(c)
		staged, _, err := c.member2.group.Stage(mls.CommitOptions{Now: time.Now(), Remove: []mls.LeafIndex{who.group.OwnLeaf()}})
		fatal(t, err)
		r := rules.Rules{State: state, Leaves: leavesByAddress(c.admin2.group), Idle: records.IdleCommits{who.address: one.made}}
		if _, err := r.Judge(c.admin2.process(t, staged.Message()).(*mls.StagedCommit)); (err == nil) != one.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Nobody joins without being added, whoever handed out what it takes: neither a
// stranger nor a member who comes back.
func TestJudgeLetsNobodyJoinFromOutside(t *testing.T) {
	for _, address := range []string{"stranger@here", "member@here"} {
		c, state := newCast(t)
		published, err := c.admin.group.GroupInfo(mls.GroupInfoOptions{RatchetTree: true, ExternalPub: true})
		fatal(t, err)
		info, err := mls.ParseGroupInfo(published)
		fatal(t, err)
		comer := newPlayer(t, address)
		join, err := mls.StageExternalJoin(mls.ExternalJoinParams{
			GroupInfo: info, SigningKey: comer.key, Credential: comer.credential(t), Now: time.Now(),
			Capabilities: mls.DefaultCapabilities(rules.ExtensionType, extensionOther),
			Former: func(_ mls.LeafIndex, l *mls.LeafNode) bool {
				cred, err := rules.LeafCredential(l)
				return err == nil && cred.Address.String() == address
			},
		}, mlsConfig())
		fatal(t, err)
		if _, err := judgeBy(c.owner, state, c.owner.process(t, join.Message()).(*mls.StagedCommit)); !errors.Is(err, rules.ErrRule) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func impersonate(address string) func(*testing.T, cast, rules.State) mls.CommitOptions {
	return func(t *testing.T, _ cast, _ rules.State) mls.CommitOptions {
		other := newPlayer(t, address).credential(t)
		return mls.CommitOptions{Leaf: &mls.LeafUpdate{Credential: &other}}
	}
}

func rekey(t *testing.T, _ cast, _ rules.State) mls.CommitOptions {
	return mls.CommitOptions{Leaf: &mls.LeafUpdate{SigningKey: newPlayer(t, "x0@here").key}}
}

// What somebody proposes is judged by their role, not the committer's.
func TestJudgeLooksAtWhoProposed(t *testing.T) {
	for name, one := range map[string]struct {
		propose func(t *testing.T, c cast, s rules.State) ([]byte, error)
		ok      bool
	}{
		"a member leaves": {func(_ *testing.T, c cast, _ rules.State) ([]byte, error) {
			b, _, err := c.member.group.ProposeSelfRemove(mls.ProposalOptions{})
			return b, err
		}, true},
		"a member proposes to remove another": {func(_ *testing.T, c cast, _ rules.State) ([]byte, error) {
			b, _, err := c.member.group.ProposeRemove(c.admin2.group.OwnLeaf(), mls.ProposalOptions{})
			return b, err
		}, false},
		"a member proposes to add": {func(t *testing.T, c cast, _ rules.State) ([]byte, error) {
			kp, _ := newPlayer(t, "new@here").keyPackage(t)
			b, _, err := c.member.group.ProposeAdd(kp, time.Now(), mls.ProposalOptions{})
			return b, err
		}, false},
		"a member proposes a property": {func(t *testing.T, c cast, s rules.State) ([]byte, error) {
			b, _, err := c.member.group.ProposeExtensions(extensions(t, s, mls.Extension{Type: extensionOther}), mls.ProposalOptions{})
			return b, err
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c, state := newCast(t)
			proposal, err := one.propose(t, c, state)
			fatal(t, err)
			c.owner.process(t, proposal)
			c.member2.process(t, proposal)
			staged, _, err := c.owner.group.Stage(mls.CommitOptions{Now: time.Now(), Pending: true})
			fatal(t, err)
			_, err = judgeBy(c.member2, state, c.member2.process(t, staged.Message()).(*mls.StagedCommit))
			if (err == nil) != one.ok {
				t.Errorf("judgement: %v", err)
			}
		})
	}
}

// A conversation of two stays one: nobody is added but one of the two, in place of the
// leaf that they had, and nothing is renamed.
func TestJudgeOfDirectConversations(t *testing.T) {
	a, b := newPlayer(t, "alice@here"), newPlayer(t, "bob@here")
	state := rules.State{Version: records.Version, Host: "here"}.WithRole("alice@here", chat.RoleOwner)
	a.create(t, state)
	a.add(t, b)
	third, _ := newPlayer(t, "third@here").keyPackage(t)
	aliceAgain, _ := a.keyPackage(t)
	bobAgain, _ := b.keyPackage(t)
	titled, timed := state, state
	titled.Title, timed.Timer = "Title", 60
	for name, one := range map[string]struct {
		by, judge *player
		o         mls.CommitOptions
		ok        bool
	}{
		"a third person":                   {a, b, mls.CommitOptions{Add: []*mls.KeyPackage{third}}, false},
		"a title":                          {a, b, mls.CommitOptions{Extensions: extensions(t, titled)}, false},
		"a timer":                          {b, a, mls.CommitOptions{Extensions: extensions(t, timed)}, true},
		"the other one again":              {a, b, mls.CommitOptions{Remove: []mls.LeafIndex{1}, Add: []*mls.KeyPackage{bobAgain}}, true},
		"the first one again":              {b, a, mls.CommitOptions{Remove: []mls.LeafIndex{0}, Add: []*mls.KeyPackage{aliceAgain}}, true},
		"a third person in place of one":   {a, b, mls.CommitOptions{Remove: []mls.LeafIndex{1}, Add: []*mls.KeyPackage{third}}, false},
		"the other one and a third person": {a, b, mls.CommitOptions{Remove: []mls.LeafIndex{1}, Add: []*mls.KeyPackage{bobAgain, third}}, false},
		"the first one put out":            {b, a, mls.CommitOptions{Remove: []mls.LeafIndex{0}}, false},
	} {
		one.o.Now = time.Now()
		staged, _, err := one.by.group.Stage(one.o)
		fatal(t, err)
		if _, err := judgeBy(one.judge, state, one.judge.process(t, staged.Message()).(*mls.StagedCommit)); (err == nil) != one.ok {
			t.Errorf("%s: %v", name, err)
		}
		_, err = one.by.group.Discard(staged)
		fatal(t, err)
	}
}

func TestNobodyIsAddedInOnesOwnName(t *testing.T) {
	me := newPlayer(t, "me@here")
	a, err := account.ParseAddress(me.address)
	fatal(t, err)
	self := identity{address: a, signing: me.key}
	for name, one := range map[string]struct {
		leaf *player
		ok   bool
	}{"this device": {me, true}, "a ghost": {newPlayer(t, "me@here"), false}, "somebody": {newPlayer(t, "you@here"), true}} {
		kp, _ := one.leaf.keyPackage(t)
		if err := self.notSelf(kp.LeafNode()); (err == nil) != one.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGroupStateHasOneForm(t *testing.T) {
	good := rules.State{Version: 1, Host: "here", Group: true, Title: "ü"}.WithRole("b@b", 0).WithRole("bob@b", 1).WithRole("al@b", 2)
	e, err := good.Extension()
	fatal(t, err)
	if got, err := rules.ParseState([]mls.Extension{e}); err != nil || !got.Equal(good) {
		t.Fatalf("%+v, %v", got, err)
	}
	for name, s := range map[string]rules.State{
		"version":    {Version: 2, Host: "here"},
		"unsorted":   {Version: 1, Roles: []records.Role{{Address: "bob@b", Role: 1}, {Address: "al@b", Role: 1}}},
		"twice":      {Version: 1, Roles: []records.Role{{Address: "bob@b", Role: 1}, {Address: "bob@b", Role: 2}}},
		"a member":   {Version: 1, Roles: []records.Role{{Address: "bob@b", Role: 0}}},
		"no address": {Version: 1, Roles: []records.Role{{Address: "bob", Role: 1}}},
		"upper case": {Version: 1, Roles: []records.Role{{Address: "Bob@b", Role: 1}}},
	} {
		b, err := dcbor.Marshal(s)
		fatal(t, err)
		if _, err := rules.ParseState([]mls.Extension{{Type: rules.ExtensionType, Data: b}}); !errors.Is(err, rules.ErrRule) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := rules.ParseState([]mls.Extension{e, e}); !errors.Is(err, rules.ErrRule) {
		t.Errorf("two states: %v", err)
	}
}

func FuzzGroupState(f *testing.F) {
	e, err := rules.State{Version: 1, Host: "here", Group: true, Title: "T", Timer: 5}.WithRole("bob@b", 1).Extension()
	fatal(f, err)
	f.Add(e.Data)
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := rules.ParseState([]mls.Extension{{Type: rules.ExtensionType, Data: b}})
		if err != nil {
			return
		}
		again, err := s.Extension()
		if err != nil || !bytes.Equal(again.Data, b) {
			t.Errorf("%x became %x, %v", b, again.Data, err)
		}
	})
}
