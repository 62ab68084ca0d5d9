// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// Hosts of a random world that has hostile people in it.
const (
	calmHost     = "calm.example"
	evilHost     = "evil.example"
	strangerHost = "stranger.example"
)

// hostility is one hostile host, one hostile member and one hostile stranger,
// and two people whom all of them trouble while they talk to each other at a
// server of their own.
type hostility struct {
	t        *testing.T
	r        *rand.Rand
	net      *fakeserver.Net
	ann, ben *person
	delay    time.Duration // of their server, each way

	calm chat.ConversationID // between the two
	sent []chat.Message

	shared  chat.ConversationID // with the hostile member
	mallory *person
	ejected bool

	evil     chat.ConversationID // at the hostile host
	eve      *person
	stranger *person
}

func newHostility(t *testing.T, n uint64, net *fakeserver.Net) *hostility {
	h := &hostility{t: t, r: rand.New(rand.NewPCG(n, 2)), net: net}
	h.delay = []time.Duration{0, 50 * time.Millisecond, 200 * time.Millisecond}[h.r.IntN(3)]
	h.ann, h.ben = join(t, net, "ann", calmHost), join(t, net, "ben", calmHost)
	h.mallory, h.eve = join(t, net, "mallory", calmHost), join(t, net, "eve", evilHost)
	h.stranger = join(t, net, "stranger", strangerHost)
	var err error
	h.calm, err = h.ann.Direct(t.Context(), h.ben.Address())
	must(t, err)
	must(t, h.ann.ConnectConversation(h.calm))
	pass(time.Second)
	h.ben.accept()
	h.shared = group(t, h.ann, h.ben, h.mallory)
	h.evil = group(t, h.eve, h.ben)
	pass(time.Minute)
	h.mallory.Close()
	h.mallory.open() // her client does what the test says
	for _, p := range []*person{h.ann, h.ben} {
		p.way.Delay(h.delay)
		p.way.Cut("")
	}
	net.Server(calmHost).SetFaults(fakeserver.Faults{BlobDelay: 10 * time.Second})
	pass(time.Minute)
	return h
}

func (h *hostility) channelOf(p *person, at string, id chat.ConversationID) protocol.ChannelID {
	h.t.Helper()
	for _, channel := range h.net.Server(at).Channels() {
		if client.NameOfChannel(channel) == id {
			return channel
		}
	}
	h.t.Fatalf("%v has no channel", p.Address())
	return protocol.ChannelID{}
}

// step has the hostile ones do something, and ann say something to ben.
func (h *hostility) step() {
	switch h.r.IntN(12) {
	case 0, 1:
		h.host()
	case 2, 3:
		h.member()
	case 4, 5:
		h.letters()
	}
	if h.r.IntN(2) == 0 {
		h.sent = append(h.sent, h.ann.say(h.calm, fmt.Sprint("calm ", len(h.sent))))
	}
}

// host lets the hostile host lie about numbers, accounts and openings, send more
// than it may, let downloads stand still, refuse and cut.
func (h *hostility) host() {
	s := h.net.Server(evilHost)
	channel := h.channelOf(h.eve, evilHost, h.evil)
	junk := func(size int) protocol.Entry {
		return protocol.Entry{Epoch: s.Epoch(channel), Ciphertext: make([]byte, size)}
	}
	f := fakeserver.Faults{IgnoreCredit: true, Forget: h.r.IntN(2) == 0, BlobDelay: time.Duration(h.r.IntN(120)) * time.Second}
	switch h.r.IntN(6) {
	case 0:
		f.Event = func(_ string, body protocol.Body) ([]protocol.Body, bool) {
			if e, ok := body.(*protocol.Entry); ok {
				lie := *e
				lie.Seq = 1 << 62
				return []protocol.Body{&lie, e, e, &lie}, false
			}
			return []protocol.Body{body}, false
		}
	case 1:
		f.Opened = func(state *protocol.ChannelState) { state.Last, state.Epoch = 1<<63, 7 }
	case 2:
		f.Account = func(string, [][]byte) [][]byte { return nil }
	case 3:
		f.Request = func(_ string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
			if op == protocol.OpChannelGrant || op == protocol.OpAccountGet {
				v.Silent = true
			}
			return v
		}
	case 4:
		stash := &envelope.Stash{Blob: protocol.BlobID{1}, Size: 1 << 20}
		s.Store(stash.Blob, make([]byte, 1<<20))
		if e, err := h.eve.Enclose(h.evil, protocol.KindCommit, envelope.Payload{Stash: stash}); err == nil {
			s.InjectRaw(channel, e)
		}
	}
	s.SetFaults(f)
	for range h.r.IntN(200) {
		s.InjectRaw(channel, junk(600))
	}
	if h.r.IntN(4) == 0 {
		s.InjectRaw(channel, junk(protocol.MaxCiphertext))
	}
	if h.r.IntN(4) == 0 {
		h.ben.way.Cut(evilHost)
	}
}

// member lets the hostile member end epochs for nothing, and point to blobs.
func (h *hostility) member() {
	s := h.net.Server(calmHost)
	channel := h.channelOf(h.ann, calmHost, h.shared)
	stash := &envelope.Stash{Blob: protocol.BlobID{2}, Size: 1 << 20}
	s.Store(stash.Blob, make([]byte, 1<<20))
	e, err := h.mallory.Enclose(h.shared, protocol.KindMessage, envelope.Payload{Stash: stash})
	must(h.t, err)
	for range []int{0, 10, 300}[h.r.IntN(3)] {
		s.InjectRaw(channel, e)
	}
	for range h.r.IntN(4) {
		if h.ejected {
			return
		}
		entry, next, err := h.mallory.ForgeAll(h.shared, mls.CommitOptions{Now: time.Now()})
		must(h.t, err)
		h.ejected = s.Commit(channel, entry, next) != nil
	}
}

// letters lets the stranger fill ben's mailbox and invite him to hosts that do
// not answer.
func (h *hostility) letters() {
	for i := range h.r.IntN(20) {
		letter := make([]byte, 600)
		letter[0], letter[1] = byte(i), byte(h.r.Uint32())
		h.net.Server(calmHost).InjectLetter("ben", letter)
	}
	if h.r.IntN(3) == 0 {
		h.ben.way.Partition(strangerHost, false)
		id, err := h.stranger.CreateGroup(h.t.Context(), "Come", []account.Address{h.ben.Address()})
		must(h.t, err)
		must(h.t, h.stranger.ConnectConversation(id))
		return
	}
	h.ben.way.Partition(strangerHost, true)
}

// check finds out what the hostile ones achieved.
func (h *hostility) check() {
	h.t.Helper()
	most := 4*h.delay + 10*time.Millisecond
	at := map[string]chat.Message{}
	for _, m := range h.ben.history(h.calm) {
		at[m.Text] = m
	}
	for i, m := range h.sent {
		got, ok := at[fmt.Sprint("calm ", i)]
		if took := got.ReceivedAt.Sub(got.SentAt); !ok || took > most {
			h.t.Errorf("message %v, %d of %d, arrived: %v, after %v; the server's delay is %v each way", m.ID, i+1, len(h.sent), ok, took, h.delay)
		}
	}
	if n := h.net.Server(calmHost).Fetched(); n != 0 {
		h.t.Errorf("%d bytes were downloaded", n)
	}
	h.ann.say(h.shared, "still here")
	pass(10 * time.Minute)
	for _, p := range []*person{h.ann, h.ben} {
		conv := p.status(h.shared)
		if all := p.texts(h.shared); conv.Status != chat.StatusActive || len(all) != 1 {
			h.t.Errorf("%v: the shared group is %v (%q) and has %q", p.Address(), conv.Status, conv.Reason.Text, all)
		}
		must(h.t, p.Idle(h.calm))
	}
}
