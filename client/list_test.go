// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/sqlite"
	"github.com/securecrypt/securecrypt/protocol"
)

// last returns the preview of a conversation as the list shows it.
func (p *person) last(id chat.ConversationID) string {
	p.t.Helper()
	c := p.status(id)
	if c.Last == nil {
		return ""
	}
	return c.Last.Text
}

// The preview follows what happens to the newest message, and a restart.
func TestThePreviewIsTheNewestMessage(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		check := func(what, text string) {
			t.Helper()
			for _, p := range []*person{x.alice, x.bob} {
				if got := p.last(x.id); got != text {
					t.Errorf("%s: %v sees %q, want %q", what, p.Address(), got, text)
				}
			}
		}
		x.alice.say(x.id, "one")
		x.alice.way.Partition("", true)
		two := x.alice.say(x.id, "two")
		if s := x.alice.status(x.id).Last.State; s != chat.StateWaiting {
			t.Errorf("what was just written is %v", s)
		}
		x.alice.way.Partition("", false)
		pass(time.Minute)
		check("sent", "two")
		if s := x.alice.status(x.id).Last.State; s != chat.StateDelivered {
			t.Errorf("what was sent is %v", s)
		}
		must(t, x.alice.Messages().Edit(t.Context(), x.id, two.ID, "three"))
		pass(time.Second)
		check("edited", "three")
		_, err := x.alice.Send(t.Context(), x.id, chat.Draft{Text: "short-lived", Expire: time.Hour})
		must(t, err)
		pass(time.Second)
		check("short-lived", "short-lived")
		x.bob.Close() // and expires while bob is away
		pass(2 * time.Hour)
		x.bob.open()
		check("expired", "three")
		must(t, x.bob.ConnectAll())
		must(t, x.alice.Messages().Delete(t.Context(), x.id, two.ID))
		pass(time.Second)
		check("deleted", "")
		if last := x.bob.status(x.id).Last; last == nil || !last.Deleted {
			t.Errorf("after a deletion: %+v", last)
		}
		long := strings.Repeat("ä", 2000)
		x.alice.say(x.id, long)
		pass(time.Second)
		for _, p := range []*person{x.alice, x.bob} {
			cut, ok := strings.CutSuffix(p.last(x.id), "…")
			if !ok || cut == "" || !strings.HasPrefix(long, cut) || len(cut) > 400 {
				t.Errorf("%d bytes of a long text, %q", len(cut), cut)
			}
		}
	})
}

// What an account chooses for itself stays, and an archived conversation comes
// back when there is something new, unless it is muted.
func TestChoices(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		m := x.alice.say(x.id, "one")
		pass(time.Second)
		until := time.Now().Add(24 * time.Hour)
		must(t, x.bob.List().SetPinned(t.Context(), x.id, true))
		must(t, x.bob.List().SetArchived(t.Context(), x.id, true))
		must(t, x.bob.List().SetMuted(t.Context(), x.id, until))
		must(t, x.bob.List().SetDraft(t.Context(), x.id, "half a sen", m.ID))
		x.bob.restart()
		c := x.bob.status(x.id)
		if !c.Pinned || !c.Archived || !c.MutedUntil.Equal(until) || c.Draft != "half a sen" || c.DraftReply != m.ID {
			t.Errorf("after a restart: %+v", c)
		}
		x.alice.say(x.id, "two")
		pass(time.Second)
		if !x.bob.status(x.id).Archived {
			t.Error("a muted conversation came back")
		}
		pass(25 * time.Hour)
		if c := x.bob.status(x.id); !c.MutedUntil.IsZero() {
			t.Errorf("still muted until %v", c.MutedUntil)
		}
		x.bob.say(x.id, "my own") // brings nothing back
		pass(time.Second)
		if !x.bob.status(x.id).Archived {
			t.Error("an own message brought an archived conversation back")
		}
		x.alice.say(x.id, "three")
		pass(time.Second)
		if x.bob.status(x.id).Archived {
			t.Error("an archived conversation did not come back")
		}
		must(t, x.bob.List().SetPinned(t.Context(), x.id, false))
		must(t, x.bob.List().SetDraft(t.Context(), x.id, "", [32]byte{}))
		if c := x.bob.status(x.id); c.Pinned || c.Draft != "" || !c.DraftReply.IsZero() {
			t.Errorf("taken back: %+v", c)
		}
		if err := x.bob.List().SetDraft(t.Context(), x.id, strings.Repeat("x", chat.MaxText+1), m.ID); err == nil {
			t.Error("a draft without end was kept")
		}
		if c := x.alice.status(x.id); c.Pinned || c.Archived || c.Draft != "" {
			t.Errorf("alice learned of bob's choices: %+v", c)
		}
	})
}

// A stranger who writes on and on fills a request up to a bound. The rest comes when it
// is accepted, each message once and in order.
func TestRequestsHaveABound(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id, sent := a.fillRequest(b)
		got := len(b.texts(id))
		if c := b.status(id); got < 100 || got > 100+64 || c.Unread != got {
			t.Errorf("%d messages of a request are read, %d unread", got, c.Unread)
		}
		b.restart()
		pass(time.Hour)
		if now := len(b.texts(id)); now != got {
			t.Errorf("after a restart %d, before %d", now, got)
		}
		b.accept()
		pass(time.Hour)
		want(t, "bob", b.texts(id), sent)
		b.say(id, "no")
		pass(time.Minute)
		if got := a.texts(id); count(got, "no") != 1 {
			t.Errorf("alice has %d messages", len(got))
		}
	})
}

// The bound holds while the server does not answer who the stranger is, also after
// a restart. Nothing is lost if the request is accepted as soon as it does.
func TestRequestsHaveABoundBeforeConfirmation(t *testing.T) {
	for name, atOnce := range map[string]bool{"accepted later": false, "accepted at once": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				a, b := join(t, net, "alice", host), join(t, net, "bob", host)
				var grants atomic.Int64
				net.Server(host).SetFaults(fakeserver.Faults{Request: func(who string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
					switch {
					case who == "bob" && op == protocol.OpAccountGet:
						v.Refuse = &protocol.Error{Code: protocol.CodeUnavailable}
					case who == "bob" && op == protocol.OpChannelGrant:
						grants.Add(1)
					}
					return v
				}})
				id, sent := a.fillRequest(b)
				b.restart()
				grants.Store(0)
				pass(time.Hour)
				if n := grants.Load(); n != 0 {
					t.Errorf("bob asked for more entries %d times", n)
				}
				net.Server(host).SetFaults(fakeserver.Faults{})
				if !atOnce {
					pass(time.Hour)
					if got := len(b.texts(id)); got < 100 || got > 100+64 {
						t.Errorf("%d messages of a request are read", got)
					}
				}
				b.accept()
				pass(time.Hour)
				want(t, "bob", b.texts(id), sent)
			})
		})
	}
}

// fillRequest has a person write more to a stranger than a request takes.
func (p *person) fillRequest(to *person) (id chat.ConversationID, sent []string) {
	id, err := p.Direct(p.t.Context(), to.Address())
	must(p.t, err)
	must(p.t, p.ConnectConversation(id))
	sent = p.says(id, "buy ", 400)
	pass(time.Hour)
	return id, sent
}

func TestNamesAndMembers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id := a.begins(b)
		pass(time.Second)
		b.accept()
		pass(time.Second)
		check := func(name string, verified bool) {
			t.Helper()
			all, err := a.Conversations()
			must(t, err)
			for _, c := range []chat.Conversation{a.status(id), all[0], a.heard()} {
				if c.Name != name || c.Verified != verified || c.Members != 2 {
					t.Errorf("%q, verified: %v, %d members", c.Name, c.Verified, c.Members)
				}
			}
		}
		check(b.Address().String(), false)
		must(t, b.Account().SetProfile(t.Context(), "Bob"))
		pass(time.Minute) // until it is reported, too, of which others are told
		check("Bob", false)
		must(t, a.People().SetName(b.Address(), "Bobby"))
		check("Bobby", false)
		_, _, err := a.People().Safety(t.Context(), b.Address())
		must(t, err)
		must(t, a.People().MarkVerified(b.Address()))
		check("Bobby", true)

		x := newTrio(t, false)
		for _, p := range []*person{x.alice, x.bob, x.mallory} {
			if c := p.status(x.id); c.Name != "Group" || c.Members != 3 {
				t.Errorf("%v: %q, %d members", p.Address(), c.Name, c.Members)
			}
		}
		must(t, x.alice.Groups().Remove(t.Context(), x.id, []account.Address{x.mallory.Address()}))
		pass(time.Second)
		if c := x.bob.status(x.id); c.Members != 2 {
			t.Errorf("%d members after one was removed", c.Members)
		}
	})
}

// waits counts are those of the conversation, in the list and by themselves.
func TestWaitingIsCounted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		other, err := x.alice.CreateGroup(t.Context(), "Other", nil)
		must(t, err)
		x.alice.way.Partition("", true)
		x.alice.say(x.id, "one")
		x.alice.say(x.id, "two")
		x.alice.say(other, "three")
		all, err := x.alice.Conversations()
		must(t, err)
		for _, c := range all {
			if n := map[chat.ConversationID]int{x.id: 2, other: 1}[c.ID]; c.Waiting != n || x.alice.status(c.ID).Waiting != n {
				t.Errorf("%s: %d wait, want %d", c.Title, c.Waiting, n)
			}
		}
	})
}

// onDisk is a client off line, with a group of its own.
func onDisk(b *testing.B) (*client.Client, chat.ConversationID) {
	store, err := sqlite.Open(filepath.Join(b.TempDir(), "profile"))
	must(b, err)
	cfg := client.Config{Store: store, Key: keyring.NewStoreKey(), Transport: fakeserver.NewNet().Transport("alice")}
	_, err = client.Create(cfg, client.CreateParams{Address: account.Address{Name: "alice", Host: host}})
	must(b, err)
	c, err := client.Open(cfg)
	must(b, err)
	b.Cleanup(func() {
		c.Close()
		must(b, store.Close())
	})
	id, err := c.CreateGroup(b.Context(), "Group", nil)
	must(b, err)
	return c, id
}

// BenchmarkConversations lists 10,000 conversations.
func BenchmarkConversations(b *testing.B) {
	c, id := onDisk(b)
	must(b, c.Flood(id, 1, func(int) string { return "a message of some length, as people write them" }))
	must(b, c.Multiply(id, 9_999))
	for b.Loop() {
		all, err := c.Conversations()
		must(b, err)
		if len(all) != 10_000 || all[0].Last == nil {
			b.Fatal(fmt.Sprint(len(all), " conversations"))
		}
	}
}
