// SPDX-License-Identifier: AGPL-3.0-or-later

package rules_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/rawmember"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/mls"
)

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// judgeBy judges a commit as a member does who followed the group so far.
func judgeBy(p *rawmember.Member, state rules.State, commit *mls.StagedCommit) (rules.State, error) {
	return rules.Rules{State: state, Leaves: rules.LeavesByAddress(p.Group)}.Judge(commit)
}

// cast is a group with everybody that the rules tell apart.
type cast struct{ owner, admin, admin2, member, member2 *rawmember.Member }

func newCast(t testing.TB) (c cast, state rules.State) {
	c = cast{
		owner: rawmember.New(t, "owner@here"), admin: rawmember.New(t, "admin@here"), admin2: rawmember.New(t, "admin2@here"),
		member: rawmember.New(t, "member@here"), member2: rawmember.New(t, "member2@here"),
	}
	state = rules.State{Version: records.Version, Host: "here", Group: true, Title: "Title"}
	state = state.WithRole("owner@here", chat.RoleOwner).WithRole("admin@here", chat.RoleAdmin).WithRole("admin2@here", chat.RoleAdmin)
	state = state.WithRole("former@here", chat.RoleOwner) // left when roles stayed
	c.owner.Create(t, state)
	c.owner.Add(t, c.admin, c.admin2, c.member, c.member2)
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
		kp, _ := rawmember.New(t, "new@here").KeyPackage(t)
		return options{Add: []*mls.KeyPackage{kp}}
	}
	removing := func(who func(cast) *rawmember.Member) plan {
		return func(_ *testing.T, c cast, _ rules.State) options {
			return options{Remove: []mls.LeafIndex{who(c).Group.OwnLeaf()}}
		}
	}
	owner := func(c cast) *rawmember.Member { return c.owner }
	admin := func(c cast) *rawmember.Member { return c.admin }
	admin2 := func(c cast) *rawmember.Member { return c.admin2 }
	member := func(c cast) *rawmember.Member { return c.member }
	member2 := func(c cast) *rawmember.Member { return c.member2 }
	same := func(s rules.State) rules.State { return s }
	for name, one := range map[string]struct {
		by   func(cast) *rawmember.Member
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
			return options{Remove: []mls.LeafIndex{c.member.Group.OwnLeaf()}, Extensions: extensions(t, s.WithRole("former@here", chat.RoleMember))}
		}, true},
		"the owner removes an admin with the role": {owner, func(t *testing.T, c cast, s rules.State) options {
			return options{Remove: []mls.LeafIndex{c.admin.Group.OwnLeaf()}, Extensions: extensions(t, s.WithRole("admin@here", chat.RoleMember))}
		}, true},
		"an admin adds an owner of earlier with the role": {admin, func(t *testing.T, _ cast, _ rules.State) options {
			kp, _ := rawmember.New(t, "former@here").KeyPackage(t)
			return options{Add: []*mls.KeyPackage{kp}}
		}, false},
		"an admin adds an owner of earlier without the role": {admin, func(t *testing.T, _ cast, s rules.State) options {
			kp, _ := rawmember.New(t, "former@here").KeyPackage(t)
			return options{Add: []*mls.KeyPackage{kp}, Extensions: extensions(t, s.WithRole("former@here", chat.RoleMember))}
		}, true},
		"the owner adds an owner of earlier with the role": {owner, func(t *testing.T, _ cast, _ rules.State) options {
			kp, _ := rawmember.New(t, "former@here").KeyPackage(t)
			return options{Add: []*mls.KeyPackage{kp}}
		}, true},
		"an admin adds a new owner": {admin, func(t *testing.T, _ cast, s rules.State) options {
			kp, _ := rawmember.New(t, "new@here").KeyPackage(t)
			return options{Add: []*mls.KeyPackage{kp}, Extensions: extensions(t, s.WithRole("new@here", chat.RoleOwner))}
		}, false},
		"the owner gives a role to nobody":       {owner, change(func(s rules.State) rules.State { return s.WithRole("nobody@here", chat.RoleAdmin) }), false},
		"a member drops the role of who is gone": {member, change(func(s rules.State) rules.State { return s.WithRole("former@here", chat.RoleMember) }), true},
		"a member drops a role":                  {member, change(func(s rules.State) rules.State { return s.WithRole("admin@here", chat.RoleMember) }), false},
		"an admin gives up its role":             {admin, change(func(s rules.State) rules.State { return s.WithRole("admin@here", chat.RoleMember) }), false},
		"the owner moves to another host":        {owner, change(func(s rules.State) rules.State { s.Host = "there"; return s }), false},
		"the owner makes it a direct one":        {owner, change(func(s rules.State) rules.State { s.Group = false; return s }), false},
		"the owner adds a property":              {owner, change(same, mls.Extension{Type: rawmember.ExtensionOther, Data: []byte{1}}), false},
		"a member adds a property":               {member, change(same, mls.Extension{Type: rawmember.ExtensionOther}), false},
		"the owner removes the state":            {owner, func(*testing.T, cast, rules.State) options { return options{Extensions: []mls.Extension{}} }, false},
		"the owner sets a title too long":        {owner, change(func(s rules.State) rules.State { s.Title = strings.Repeat("x", chat.MaxTitle+1); return s }), false},
		"the owner gives an unknown role":        {owner, change(func(s rules.State) rules.State { return s.WithRole("member@here", 7) }), false},
		"the owner ends the group": {owner, func(_ *testing.T, _ cast, s rules.State) options {
			return options{ReInit: &mls.ReInit{GroupID: []byte("next"), Suite: mls.DefaultCipherSuite, Extensions: extensions(t, s)}}
		}, false},
		"a member adds an older key": {member, func(_ *testing.T, c cast, _ rules.State) options {
			return options{PSKs: []mls.PSKID{mls.ResumptionPSK(c.member.Group.GroupID(), c.member.Group.Epoch())}}
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
			staged, _, err := by.Group.Stage(o)
			fatal(t, err)
			witness := c.member2
			if by == witness {
				witness = c.member
			}
			_, err = judgeBy(witness, state, witness.Process(t, staged.Message()).(*mls.StagedCommit))
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
		who  func(cast) *rawmember.Member
		made uint8
		ok   bool
	}{
		"a member after four":  {func(c cast) *rawmember.Member { return c.member }, rules.MaxIdle, false},
		"a member after five":  {func(c cast) *rawmember.Member { return c.member }, rules.MaxIdle + 1, true},
		"an admin after five":  {func(c cast) *rawmember.Member { return c.admin }, rules.MaxIdle + 1, false},
		"the owner after five": {func(c cast) *rawmember.Member { return c.owner }, rules.MaxIdle + 1, false},
	} {
		c, state := newCast(t)
		who := one.who(c)
		staged, _, err := c.member2.Group.Stage(mls.CommitOptions{Now: time.Now(), Remove: []mls.LeafIndex{who.Group.OwnLeaf()}})
		fatal(t, err)
		r := rules.Rules{State: state, Leaves: rules.LeavesByAddress(c.admin2.Group), Idle: records.IdleCommits{who.Address: one.made}}
		if _, err := r.Judge(c.admin2.Process(t, staged.Message()).(*mls.StagedCommit)); (err == nil) != one.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Nobody joins without being added, whoever handed out what it takes: neither a
// stranger nor a member who comes back.
func TestJudgeLetsNobodyJoinFromOutside(t *testing.T) {
	for _, address := range []string{"stranger@here", "member@here"} {
		c, state := newCast(t)
		published, err := c.admin.Group.GroupInfo(mls.GroupInfoOptions{RatchetTree: true, ExternalPub: true})
		fatal(t, err)
		info, err := mls.ParseGroupInfo(published)
		fatal(t, err)
		comer := rawmember.New(t, address)
		join, err := mls.StageExternalJoin(mls.ExternalJoinParams{
			GroupInfo: info, SigningKey: comer.Key, Credential: comer.Credential(t), Now: time.Now(),
			Capabilities: mls.DefaultCapabilities(rules.ExtensionType, rawmember.ExtensionOther),
			Former: func(_ mls.LeafIndex, l *mls.LeafNode) bool {
				cred, err := rules.LeafCredential(l)
				return err == nil && cred.Address.String() == address
			},
		}, mls.Config{Rand: rand.Reader, Policy: mls.Policy{PastEpochs: 3, LateDelivery: -1}})
		fatal(t, err)
		if _, err := judgeBy(c.owner, state, c.owner.Process(t, join.Message()).(*mls.StagedCommit)); !errors.Is(err, rules.ErrRule) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func impersonate(address string) func(*testing.T, cast, rules.State) mls.CommitOptions {
	return func(t *testing.T, _ cast, _ rules.State) mls.CommitOptions {
		other := rawmember.New(t, address).Credential(t)
		return mls.CommitOptions{Leaf: &mls.LeafUpdate{Credential: &other}}
	}
}

func rekey(t *testing.T, _ cast, _ rules.State) mls.CommitOptions {
	return mls.CommitOptions{Leaf: &mls.LeafUpdate{SigningKey: rawmember.New(t, "x0@here").Key}}
}

// What somebody proposes is judged by their role, not the committer's.
func TestJudgeLooksAtWhoProposed(t *testing.T) {
	for name, one := range map[string]struct {
		propose func(t *testing.T, c cast, s rules.State) ([]byte, error)
		ok      bool
	}{
		"a member leaves": {func(_ *testing.T, c cast, _ rules.State) ([]byte, error) {
			b, _, err := c.member.Group.ProposeSelfRemove(mls.ProposalOptions{})
			return b, err
		}, true},
		"a member proposes to remove another": {func(_ *testing.T, c cast, _ rules.State) ([]byte, error) {
			b, _, err := c.member.Group.ProposeRemove(c.admin2.Group.OwnLeaf(), mls.ProposalOptions{})
			return b, err
		}, false},
		"a member proposes to add": {func(t *testing.T, c cast, _ rules.State) ([]byte, error) {
			kp, _ := rawmember.New(t, "new@here").KeyPackage(t)
			b, _, err := c.member.Group.ProposeAdd(kp, time.Now(), mls.ProposalOptions{})
			return b, err
		}, false},
		"a member proposes a property": {func(t *testing.T, c cast, s rules.State) ([]byte, error) {
			b, _, err := c.member.Group.ProposeExtensions(extensions(t, s, mls.Extension{Type: rawmember.ExtensionOther}), mls.ProposalOptions{})
			return b, err
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c, state := newCast(t)
			proposal, err := one.propose(t, c, state)
			fatal(t, err)
			c.owner.Process(t, proposal)
			c.member2.Process(t, proposal)
			staged, _, err := c.owner.Group.Stage(mls.CommitOptions{Now: time.Now(), Pending: true})
			fatal(t, err)
			_, err = judgeBy(c.member2, state, c.member2.Process(t, staged.Message()).(*mls.StagedCommit))
			if (err == nil) != one.ok {
				t.Errorf("judgement: %v", err)
			}
		})
	}
}

// A conversation of two stays one: nobody is added but one of the two, in place of the
// leaf that they had, and nothing is renamed.
func TestJudgeOfDirectConversations(t *testing.T) {
	a, b := rawmember.New(t, "alice@here"), rawmember.New(t, "bob@here")
	state := rules.State{Version: records.Version, Host: "here"}.WithRole("alice@here", chat.RoleOwner)
	a.Create(t, state)
	a.Add(t, b)
	third, _ := rawmember.New(t, "third@here").KeyPackage(t)
	aliceAgain, _ := a.KeyPackage(t)
	bobAgain, _ := b.KeyPackage(t)
	titled, timed := state, state
	titled.Title, timed.Timer = "Title", 60
	for name, one := range map[string]struct {
		by, judge *rawmember.Member
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
		staged, _, err := one.by.Group.Stage(one.o)
		fatal(t, err)
		if _, err := judgeBy(one.judge, state, one.judge.Process(t, staged.Message()).(*mls.StagedCommit)); (err == nil) != one.ok {
			t.Errorf("%s: %v", name, err)
		}
		_, err = one.by.Group.Discard(staged)
		fatal(t, err)
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
