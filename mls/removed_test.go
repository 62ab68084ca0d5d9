// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/securecrypt/securecrypt/mls"
)

// TestRemovedCanDoNothing asks a client that is no member any more for all that a member
// can do.
func TestRemovedCanDoNothing(t *testing.T) {
	a, b := pair(t)
	commit(t, mls.CommitOptions{Remove: []mls.LeafIndex{b.OwnLeaf()}}, a, []*client{b})
	var o mls.ProposalOptions
	p := mls.SuccessorParams{SigningKey: b.key}
	for name, try := range map[string]func() error{
		"stage":        func() error { _, _, err := b.Stage(mls.CommitOptions{}); return err },
		"protect":      func() error { _, _, err := b.Protect(nil, mls.ProtectOptions{}); return err },
		"process":      func() error { _, _, err := b.Process(nil, testNow); return err },
		"export":       func() error { _, err := b.Export("l", nil, 1); return err },
		"safe export":  func() error { _, _, err := b.SafeExport(notes); return err },
		"safe sign":    func() error { _, err := b.SafeSign(notes, "l", nil); return err },
		"safe encrypt": func() error { _, _, err := b.SafeEncrypt(0, notes, "l", nil, nil); return err },
		"safe decrypt": func() error { _, err := b.SafeDecrypt(notes, "l", nil, nil, nil); return err },
		"group info":   func() error { _, err := b.GroupInfo(mls.GroupInfoOptions{}); return err },
		"add":          func() error { _, _, err := b.ProposeAdd(a.kp, testNow, o); return err },
		"update":       func() error { _, _, err := b.ProposeUpdate(mls.LeafUpdate{}, o); return err },
		"remove":       func() error { _, _, err := b.ProposeRemove(0, o); return err },
		"leave":        func() error { _, _, err := b.ProposeSelfRemove(o); return err },
		"extensions":   func() error { _, _, err := b.ProposeExtensions(nil, o); return err },
		"psk":          func() error { _, _, err := b.ProposePSK(mls.ExternalPSK(nil), o); return err },
		"reinit":       func() error { _, _, err := b.ProposeReInit(mls.ReInit{}, o); return err },
		"custom":       func() error { _, _, err := b.ProposeCustom(mls.Custom{}, o); return err },
		"drop":         func() error { _, err := b.DropProposal(nil); return err },
		"apply":        func() error { _, err := b.Apply(nil); return err },
		"reinitialize": func() error { _, _, _, err := b.Reinitialize(p); return err },
		"branch":       func() error { _, _, _, err := b.Branch(p); return err },
	} {
		if err := try(); !errors.Is(err, mls.ErrNotMember) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b.SafeVerify(0, notes, "l", nil, nil) || b.EpochAuthenticator() != nil || b.RatchetTree() != nil || b.Member(0) != nil {
		t.Fatal("something is left")
	}
	for range b.Members() {
		t.Fatal("there are members left")
	}
}

func TestSigningKeyEncoding(t *testing.T) {
	for _, suite := range suites {
		key := must[*mls.SigningKey](t)(mls.NewSigningKey(suite, rand.Reader))
		again := must[*mls.SigningKey](t)(mls.ParseSigningKey(key.Bytes()))
		if !bytes.Equal(again.Public(), key.Public()) {
			t.Fatal("another key")
		}
		for n := range key.Bytes() {
			if _, err := mls.ParseSigningKey(key.Bytes()[:n]); !errors.Is(err, mls.ErrMalformed) {
				t.Fatal(err)
			}
		}
		if _, err := mls.NewSigningKey(suite, nil); err == nil {
			t.Fatal("a key without randomness")
		}
		if _, err := mls.ImportSigningKey(suite, make([]byte, 99)); !errors.Is(err, mls.ErrMalformed) {
			t.Fatal(err)
		}
	}
	if _, err := mls.NewSigningKey(4, rand.Reader); !errors.Is(err, mls.ErrUnsupported) {
		t.Fatal(err)
	}
}

// TestExternalReInit has an external sender end a group.
func TestExternalReInit(t *testing.T) {
	key, senders := service(t)
	a := newClient(t, quick, "a")
	a.create(senders)
	p := mls.ExternalProposer{Suite: quick, GroupID: a.GroupID(), Index: 1, SigningKey: key, AAD: []byte("why")}
	msg := must[[]byte](t)(p.ProposeReInit(mls.ReInit{GroupID: []byte("next"), Suite: quick}))
	if r := a.process(msg).(*mls.ReceivedProposal); string(r.AAD) != "why" || r.Proposal.ReInit == nil {
		t.Fatalf("%+v", r)
	}
	commit(t, mls.CommitOptions{Pending: true, NoPath: true}, a, nil)
	next := renewed(t, quick, a)
	g, _, _, err := a.Reinitialize(next[0].successor())
	if err != nil {
		t.Fatal(err)
	}
	if s := g.PendingCommit(); s.Epoch() != 1 || string(g.GroupID()) != "next" || s.WelcomeAll() != nil {
		t.Fatal("another successor")
	}
}
