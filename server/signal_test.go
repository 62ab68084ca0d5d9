// SPDX-License-Identifier: AGPL-3.0-or-later

package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"testing"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/bus/local"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/servertest"
)

func signal(channel protocol.ChannelID, epoch uint64, text string) *protocol.ChannelSignal {
	return &protocol.ChannelSignal{Channel: channel, Epoch: epoch, Ciphertext: []byte(text)}
}

// TestSignalsAreShownAndNotStored sends signals to who is there, on both of two
// nodes, and to nobody else.
func TestSignalsAreShownAndNotStored(t *testing.T) {
	bus := new(local.Bus)
	one := servertest.Start(t, servertest.Options{Memory: true, Host: "shared.example", Change: func(c *server.Config) { c.Bus = bus }})
	two := servertest.Start(t, servertest.Options{Memory: true, Host: "shared.example", Change: func(c *server.Config) { c.Bus, c.Store = bus, one.Store }})
	channel := protocol.ChannelID{1}
	alice, bob, carol, away := servertest.Dial(t, one), servertest.Dial(t, one), servertest.Dial(t, two), servertest.Dial(t, one)
	alice.Create(channel)
	for _, c := range []*servertest.Client{alice, bob, carol} {
		c.Open(channel, 0, 0)
		servertest.Next[*protocol.CaughtUp](c)
	}
	alice.Must(protocol.OpChannelSignal, signal(channel, 0, "shown"), &protocol.Empty{})
	for _, c := range []*servertest.Client{bob, carol} {
		if s := servertest.Next[*protocol.Signal](c); s.Channel != channel || s.Epoch != 0 || string(s.Ciphertext) != "shown" {
			t.Errorf("got %+v", s)
		}
		c.Quiet() // once
	}
	alice.Quiet()
	if state := away.Open(channel, 0, 0); state.Last != 0 {
		t.Errorf("the channel has %d entries", state.Last)
	}
	servertest.Next[*protocol.CaughtUp](away)
	away.Quiet()
}

// TestSignalsNeedTheChannelOpen refuses those of strangers, of the removed and
// of other epochs.
func TestSignalsNeedTheChannelOpen(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	channel := protocol.ChannelID{1}
	alice, mallory := servertest.Dial(t, i), servertest.Dial(t, i)
	alice.Create(channel)
	alice.Open(channel, 0, 0)
	servertest.Next[*protocol.CaughtUp](alice)
	mallory.Refused(protocol.CodeForbidden, protocol.OpChannelSignal, signal(channel, 0, "x"))
	mallory.Open(channel, 0, 0)
	servertest.Next[*protocol.CaughtUp](mallory)
	mallory.Refused(protocol.CodeStaleEpoch, protocol.OpChannelSignal, signal(channel, 1, "x"))
	commit := alice.Commit(channel, 0)
	servertest.Next[*protocol.Entry](mallory)
	mallory.Refused(protocol.CodeStaleEpoch, protocol.OpChannelSignal, signal(channel, 0, "x"))
	servertest.Next[*protocol.Entry](alice)
	alice.Open(channel, 1, commit)
	servertest.Next[*protocol.CaughtUp](alice)
	mallory.Refused(protocol.CodeStaleEpoch, protocol.OpChannelSignal, signal(channel, 1, "x"))
	alice.Must(protocol.OpChannelSignal, signal(channel, 1, "x"), &protocol.Empty{})
	mallory.Quiet()
	alice.Must(protocol.OpChannelClose, &protocol.ChannelClose{Channel: channel}, &protocol.Empty{})
	alice.Refused(protocol.CodeForbidden, protocol.OpChannelSignal, signal(channel, 1, "x"))
}

func TestSignalsAreRateLimited(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true, Change: func(c *server.Config) {
		c.Limits.Signal = fairness.Rate{Burst: 2, PerSecond: 1e-6}
	}})
	channel := protocol.ChannelID{1}
	alice := servertest.Dial(t, i)
	alice.Create(channel)
	alice.Open(channel, 0, 0)
	for range 2 {
		alice.Must(protocol.OpChannelSignal, signal(channel, 0, "x"), &protocol.Empty{})
	}
	alice.Refused(protocol.CodeRateLimited, protocol.OpChannelSignal, signal(channel, 0, "x"))
	alice.Post(channel, 0, "messages have a limit of their own")
}

// TestAccountsSeeTheirDisclosure compares what a connection is shown with what
// the operator prints.
func TestAccountsSeeTheirDisclosure(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	p, bob := servertest.Register(t, i, "bob")
	for n := range byte(9) { // more than one part
		servertest.Dial(t, i).Must(protocol.OpLetterSend,
			&protocol.LetterSend{Name: "bob", Device: p.Device, Letter: bytes.Repeat([]byte{n}, protocol.MaxLetter), ID: [16]byte{n}}, &protocol.Empty{})
	}
	_, eve := servertest.Register(t, i, "eve")
	var whole []byte
	var first protocol.Disclosure
	for first.Size == 0 || uint64(len(whole)) < first.Size {
		var d protocol.Disclosure
		bob.Must(protocol.OpAccountDisclose, &protocol.AccountDisclose{Offset: uint64(len(whole))}, &d)
		if first.Size == 0 {
			first = d
		}
		if d.Hash != first.Hash || d.Size != first.Size {
			t.Fatal("the parts are not of one whole")
		}
		whole = append(whole, d.Part...)
	}
	if len(first.Part) != protocol.MaxDisclosurePart || sha256.Sum256(whole) != first.Hash {
		t.Errorf("%d bytes in the first part", len(first.Part))
	}
	printed, err := server.Disclose(t.Context(), i.Store, account.Address{Name: "bob", Host: i.Host})
	if err != nil {
		t.Fatal(err)
	}
	if want, err := json.Marshal(printed); err != nil || !bytes.Equal(whole, want) {
		t.Errorf("the account is shown %d bytes, its operator %d (%v)", len(whole), len(want), err)
	}
	bob.Refused(protocol.CodeInvalid, protocol.OpAccountDisclose, &protocol.AccountDisclose{Offset: first.Size})
	var other protocol.Disclosure
	eve.Must(protocol.OpAccountDisclose, &protocol.AccountDisclose{}, &other)
	if !bytes.Contains(other.Part, []byte("eve@")) || bytes.Contains(other.Part, []byte("bob@")) {
		t.Errorf("eve is shown %s", other.Part)
	}
}
