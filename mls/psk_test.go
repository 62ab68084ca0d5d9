// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/securecrypt/securecrypt/mls"
)

// keyring holds external pre-shared keys.
type keyring map[string][]byte

func (k keyring) ExternalPSK(id []byte) ([]byte, error) {
	if key, ok := k[string(id)]; ok {
		return key, nil
	}
	return nil, errors.New("unknown key")
}

// share gives clients the same keys.
func share(clients ...*client) {
	for _, c := range clients {
		c.cfg.PSKs = keyring{"one": []byte("first key"), "two": bytes.Repeat([]byte("k"), 100)}
		if c.Group != nil {
			c.reload()
		}
	}
}

func TestPSKs(t *testing.T) {
	a, b := pair(t)
	c, d := newClient(t, quick, "c"), newClient(t, quick, "d")
	share(a, b, c)
	one, two := mls.ExternalPSK([]byte("one")), mls.ExternalPSK([]byte("two"))
	past := mls.ResumptionPSK(a.GroupID(), a.Epoch())
	commit(t, mls.CommitOptions{PSKs: []mls.PSKID{one, past, two, one}, NoPath: true}, a, []*client{b})
	agree(t, a, b)

	// By reference, and to a new member.
	msg, delta, err := b.ProposePSK(two, mls.ProposalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.db.apply(delta)
	p := a.process(msg).(*mls.ReceivedProposal).Proposal
	if p.PSK == nil || p.PSK.Type != mls.PSKExternal || string(p.PSK.ID) != "two" {
		t.Fatalf("%+v", p.PSK)
	}
	a.reload()
	commit(t, mls.CommitOptions{Pending: true, PSKs: []mls.PSKID{one}}, a, []*client{b}, c)
	agree(t, a, b, c)

	// From outside.
	share(d)
	d.applyExternal(t, a.info(), func(p *mls.ExternalJoinParams) { p.PSKs = []mls.PSKID{two, one} }, a, b, c)
	talk(t, a, b, c, d)
}

// TestPSKIsMissing has members that lack a key, or have another, fail.
func TestPSKIsMissing(t *testing.T) {
	a, b := pair(t)
	one := mls.ExternalPSK([]byte("one"))
	if _, _, err := a.Stage(mls.CommitOptions{PSKs: []mls.PSKID{one}}); !errors.Is(err, mls.ErrUnknownPSK) {
		t.Fatal(err)
	}
	if _, _, err := a.ProposePSK(one, mls.ProposalOptions{}); !errors.Is(err, mls.ErrUnknownPSK) {
		t.Fatal(err)
	}
	other := mls.ResumptionPSK([]byte("other group"), 0)
	if _, _, err := a.ProposePSK(other, mls.ProposalOptions{}); !errors.Is(err, mls.ErrUnknownPSK) {
		t.Fatal(err)
	}
	share(a)
	s := a.stage(mls.CommitOptions{PSKs: []mls.PSKID{one}})
	refuses(t, b, s.Message(), mls.ErrUnknownPSK)
	b.cfg.PSKs = keyring{"one": []byte("another key")}
	b.reload()
	if _, _, err := b.Process(s.Message(), testNow); mls.BrokenRule(err) != "12.4.2-confirmation-tag" {
		t.Fatal(err)
	}
	share(b)
	b.applyCommit(b.process(s.Message()).(*mls.StagedCommit))
	a.applyCommit(s)
	agree(t, a, b)
}

// TestResumptionWindow forgets the keys of epochs that leave the window.
func TestResumptionWindow(t *testing.T) {
	a, b := pair(t)
	first := a.Epoch()
	for range mls.DefaultPastEpochs {
		commit(t, mls.CommitOptions{}, a, []*client{b})
	}
	commit(t, mls.CommitOptions{PSKs: []mls.PSKID{mls.ResumptionPSK(a.GroupID(), first)}}, a, []*client{b})
	agree(t, a, b)
	if _, _, err := a.Stage(mls.CommitOptions{PSKs: []mls.PSKID{mls.ResumptionPSK(a.GroupID(), first)}}); !errors.Is(err, mls.ErrUnknownPSK) {
		t.Fatal(err)
	}
}

// TestResyncProves has a member rejoin with the resumption key of the epoch that it last
// saw, from an older copy of its state.
func TestResyncProves(t *testing.T) {
	a, b := pair(t)
	old := b.Group
	commit(t, mls.CommitOptions{}, a, nil)
	b.applyExternal(t, a.info(), func(p *mls.ExternalJoinParams) {
		b.rejoins(p)
		p.From, p.PSKs = old, []mls.PSKID{mls.ResumptionPSK(old.GroupID(), old.Epoch())}
	}, a)
	talk(t, a, b)
}
