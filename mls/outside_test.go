// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"crypto/rand"
	"errors"
	"testing"

	"github.com/securecrypt/securecrypt/mls"
)

// service is an external sender of the groups that list it.
func service(t *testing.T) (*mls.SigningKey, mls.Extension) {
	t.Helper()
	c := newClient(t, quick, "service")
	return c.key, mls.ExternalSenders(
		mls.ExternalSender{SignatureKey: make([]byte, 32), Credential: mls.BasicCredential([]byte("other"))},
		mls.ExternalSender{SignatureKey: c.key.Public(), Credential: mls.BasicCredential([]byte("service"))},
	)
}

func TestExternalSender(t *testing.T) {
	key, senders := service(t)
	a, b, c := newClient(t, quick, "a"), newClient(t, quick, "b"), newClient(t, quick, "c")
	a.create(senders)
	commit(t, mls.CommitOptions{}, a, nil, b)
	list := must[[]mls.ExternalSender](t)(mls.ParseExternalSenders(a.Extensions()[0].Data))
	if len(list) != 2 || string(list[1].Credential.Data) != "service" {
		t.Fatalf("%+v", list)
	}
	p := &mls.ExternalProposer{Suite: quick, GroupID: a.GroupID(), Epoch: a.Epoch(), Index: 1, SigningKey: key}
	add := must[[]byte](t)(p.ProposeAdd(c.kp, testNow))
	for _, m := range []*client{a, b} {
		r := m.process(add).(*mls.ReceivedProposal)
		if r.Proposal.SenderType != mls.SenderExternal || !r.Proposal.External || r.Proposal.Sender != 1 {
			t.Fatalf("%+v", r.Proposal)
		}
		m.reload()
	}
	s := a.stage(mls.CommitOptions{Pending: true})
	b.applyCommit(b.process(s.Message()).(*mls.StagedCommit))
	a.applyCommit(s)
	c.join(must[[]byte](t)(s.Welcome(c.kp)), s.RatchetTree())
	agree(t, a, b, c)

	share(a, b, c)
	p.Epoch, p.Rand = a.Epoch(), rand.Reader
	psk := must[[]byte](t)(p.ProposePSK(mls.ExternalPSK([]byte("one"))))
	extensions := must[[]byte](t)(p.ProposeExtensions(nil))
	remove := must[[]byte](t)(p.ProposeRemove(c.OwnLeaf()))
	for _, m := range []*client{a, b, c} {
		m.process(psk)
		m.process(extensions)
		m.process(remove)
	}
	commit(t, mls.CommitOptions{Pending: true}, a, []*client{b, c})
	if c.Active() || len(a.Extensions()) != 0 {
		t.Fatal("the proposals of the external sender are not committed")
	}
	p.Epoch = a.Epoch()
	if _, _, err := a.Process(must[[]byte](t)(p.ProposeRemove(1)), testNow); mls.BrokenRule(err) != "12.1.8-extension" {
		t.Fatal(err)
	}
}

func TestExternalSenderSignature(t *testing.T) {
	_, senders := service(t)
	a := newClient(t, quick, "a")
	a.create(senders)
	p := &mls.ExternalProposer{Suite: quick, GroupID: a.GroupID(), Index: 1, SigningKey: a.key}
	if _, _, err := a.Process(must[[]byte](t)(p.ProposeExtensions(nil)), testNow); mls.BrokenRule(err) != "6.1-signature" {
		t.Fatal(err)
	}
	p.SigningKey = nil
	if _, err := p.ProposeRemove(0); !errors.Is(err, mls.ErrUnsupported) {
		t.Fatal(err)
	}
}

func TestOwnAdd(t *testing.T) {
	a, b := pair(t)
	c := newClient(t, quick, "c")
	params := mls.OwnAddParams{GroupID: a.GroupID(), Epoch: a.Epoch(), KeyPackage: c.kp, Private: c.priv}
	msg := must[[]byte](t)(mls.ProposeOwnAdd(params))
	refuses(t, a, msg, mls.ErrUnsupported)
	for _, m := range []*client{a, b} {
		m.cfg.Policy.OwnAdds = true
		m.reload()
		r := m.process(msg).(*mls.ReceivedProposal)
		if r.Proposal.SenderType != mls.SenderNewMemberProposal || r.Proposal.Add == nil {
			t.Fatalf("%+v", r.Proposal)
		}
	}
	s := b.stage(mls.CommitOptions{Pending: true})
	a.applyCommit(a.process(s.Message()).(*mls.StagedCommit))
	b.applyCommit(s)
	c.join(must[[]byte](t)(s.Welcome(c.kp)), s.RatchetTree())
	talk(t, a, b, c)

	params.Private = b.priv
	if _, err := mls.ProposeOwnAdd(params); !errors.Is(err, mls.ErrNotForUs) {
		t.Fatal(err)
	}
}

func TestDropProposal(t *testing.T) {
	a, b := pair(t)
	var refs [][]byte
	for range 3 {
		msg, d, err := b.ProposeUpdate(mls.LeafUpdate{}, mls.ProposalOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b.db.apply(d)
		refs = append(refs, a.process(msg).(*mls.ReceivedProposal).Proposal.Ref)
	}
	for i, ref := range refs {
		a.db.apply(must[mls.Delta](t)(a.DropProposal(ref)))
		a.reload()
		if len(a.PendingProposals()) != 2-i {
			t.Fatalf("%d proposals are left", len(a.PendingProposals()))
		}
	}
	if _, err := a.DropProposal(refs[0]); !errors.Is(err, mls.ErrUnknownProposal) {
		t.Fatal(err)
	}
	b.process(a.send("data can be sent again"))
}
