// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"crypto/rand"
	"errors"
	"slices"
	"testing"

	"github.com/securecrypt/securecrypt/mls"
)

const customType mls.ProposalType = 0xF0C0

// customize has clients support a type of proposal before they get into a group.
func customize(p mls.CustomProposal, clients ...*client) {
	for _, c := range clients {
		c.cfg.Proposals = []mls.CustomProposal{p}
		c.capabilities = mls.DefaultCapabilities()
		c.capabilities.Proposals = append(c.capabilities.Proposals, p.Type)
		c.fresh(nil)
	}
}

func TestCustomProposals(t *testing.T) {
	key, senders := service(t)
	a, b, c := newClient(t, quick, "a"), newClient(t, quick, "b"), newClient(t, quick, "c")
	customize(mls.CustomProposal{Type: customType, ByExternalSender: true, InExternalCommit: true}, a, b, c)
	required := mls.RequiredCapabilities{Proposals: []mls.ProposalType{customType}, Credentials: []mls.CredentialType{mls.CredentialBasic}}
	a.create(senders, required.Extension())
	commit(t, mls.CommitOptions{}, a, nil, b)

	msg, d, err := a.ProposeCustom(mls.Custom{Type: customType, Data: []byte("one")}, mls.ProposalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	a.db.apply(d)
	p := mls.ExternalProposer{Suite: quick, GroupID: a.GroupID(), Epoch: a.Epoch(), Index: 1, SigningKey: key}
	outside := must[[]byte](t)(p.ProposeCustom(mls.Custom{Type: customType, Data: []byte("two")}))
	b.process(msg)
	b.process(outside)
	a.process(outside)
	b.reload()
	s := b.stage(mls.CommitOptions{Pending: true, NoPath: true, Custom: []mls.Custom{{Type: customType, Data: []byte("zero")}}})
	f := a.process(s.Message()).(*mls.StagedCommit)
	var got []string
	for _, p := range f.Proposals() {
		got = append(got, string(p.Data))
	}
	if !slices.Equal(got, []string{"zero", "one", "two"}) || len(f.Updated()) != 0 {
		t.Fatal(got)
	}
	a.applyCommit(f)
	b.applyCommit(s)
	c.applyExternal(t, a.info(), func(p *mls.ExternalJoinParams) {
		p.Capabilities = c.capabilities
		p.Custom = []mls.Custom{{Type: customType, Data: []byte("by the way")}}
	}, a, b)
	talk(t, a, b, c)

	parsed := must[mls.RequiredCapabilities](t)(mls.ParseRequiredCapabilities(a.Extensions()[1].Data))
	if !slices.Equal(parsed.Proposals, required.Proposals) || len(parsed.Extensions) != 0 {
		t.Fatalf("%+v", parsed)
	}
}

// TestCustomProposalsAreRegistered refuses what the application does not define, or not
// for this sender.
func TestCustomProposalsAreRegistered(t *testing.T) {
	key, senders := service(t)
	a, b, c := newClient(t, quick, "a"), newClient(t, quick, "b"), newClient(t, quick, "c")
	customize(mls.CustomProposal{Type: customType, NeedsPath: true}, a, b, c)
	a.create(senders)
	commit(t, mls.CommitOptions{}, a, nil, b)
	custom := mls.Custom{Type: customType}
	s := a.stage(mls.CommitOptions{NoPath: true, Custom: []mls.Custom{custom}})
	if len(s.Updated()) != 1 {
		t.Fatal("the path is left out")
	}
	p := mls.ExternalProposer{Suite: quick, GroupID: a.GroupID(), Epoch: a.Epoch(), Index: 1, SigningKey: key}
	outside := must[[]byte](t)(p.ProposeCustom(custom))
	if _, _, err := b.Process(outside, testNow); mls.BrokenRule(err) != "12.1.8-external-type" {
		t.Fatal(err)
	}
	if _, err := mls.StageExternalJoin(mls.ExternalJoinParams{
		GroupInfo: b.info(), SigningKey: c.key, Capabilities: c.capabilities, Custom: []mls.Custom{custom}, Now: testNow,
	}, c.cfg); mls.BrokenRule(err) != "12.2-external-type" {
		t.Fatal(err)
	}
	b.cfg.Proposals = nil
	b.reload()
	refuses(t, b, s.Message(), mls.ErrUnsupported)
	if _, _, err := b.ProposeCustom(custom, mls.ProposalOptions{}); !errors.Is(err, mls.ErrUnsupported) {
		t.Fatal(err)
	}
	for _, bad := range []mls.ProposalType{0, mls.ProposalAdd, mls.ProposalSelfRemove, 0x1A1A} {
		cfg := mls.Config{Rand: rand.Reader, Proposals: []mls.CustomProposal{{Type: bad}}}
		if _, err := mls.LoadGroup(b.db, cfg); err == nil {
			t.Fatalf("%#04x can be defined", bad)
		}
	}
}

// TestGREASE fills what may hold meaningless values with them (RFC 9420, Section 13.5).
func TestGREASE(t *testing.T) {
	meaningless := mls.Extension{Type: 0xDADA, Data: []byte("nothing")}
	var all []*client
	for i := range 3 {
		c := newClient(t, quick, string(rune('a'+i)))
		c.capabilities = must[mls.Capabilities](t)(mls.DefaultCapabilities(meaningless.Type).GREASE(rand.Reader))
		if len(c.capabilities.Credentials) != 2 || len(mls.DefaultCapabilities().Credentials) != 1 {
			t.Fatalf("%+v", c.capabilities)
		}
		c.fresh(func(p *mls.KeyPackageParams) {
			p.Extensions = []mls.Extension{meaningless}
			p.LeafExtensions = p.Extensions
		})
		all = append(all, c)
	}
	all[0].create()
	info := mls.GroupInfoOptions{Extensions: []mls.Extension{meaningless}}
	commit(t, mls.CommitOptions{WelcomeInfo: info}, all[0], nil, all[1])
	all[2].applyExternal(t, all[1].info(), func(p *mls.ExternalJoinParams) {
		p.Capabilities, p.LeafExtensions = all[2].capabilities, []mls.Extension{meaningless}
	}, all[:2]...)
	talk(t, all...)
}
