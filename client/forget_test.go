// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"errors"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
)

// A forgotten message is gone from one device and does not come back.
func TestForget(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		one := x.alice.say(x.id, "one")
		two := x.alice.say(x.id, "two")
		pass(time.Second)
		must(t, x.bob.Messages().Forget(x.id, two.ID))
		if c := x.bob.status(x.id); c.Unread != 1 || c.Last == nil || c.Last.Text != "one" {
			t.Errorf("%d unread, and the last is %+v", c.Unread, c.Last)
		}
		if err := x.bob.Messages().Forget(x.id, two.ID); !errors.Is(err, chat.ErrNoMessage) {
			t.Errorf("forgotten twice: %v", err)
		}
		x.net.Server(host).SetFaults(fakeserver.Faults{Forget: true}) // everything is delivered again
		x.bob.restart()
		must(t, x.alice.Messages().Edit(t.Context(), x.id, two.ID, "edited"))
		must(t, x.alice.Messages().React(t.Context(), x.id, one.ID, "x", false))
		pass(time.Minute)
		want(t, "bob", x.bob.texts(x.id), []string{"one"})
		want(t, "alice", x.alice.texts(x.id), []string{"one", "edited"})
		must(t, x.bob.TakeInbox(func(r chat.Received) error {
			if r.Message.ID == two.ID {
				t.Errorf("it is in the inbox: %+v", r)
			}
			return nil
		}))
		x.bob.way.Partition("", true)
		mine := x.bob.say(x.id, "mine")
		if err := x.bob.Messages().Forget(x.id, mine.ID); err == nil {
			t.Error("what waits to be sent was forgotten")
		}
	})
}

// gone checks that a conversation left nothing in the store but a number.
func (p *person) gone(id chat.ConversationID) {
	p.t.Helper()
	if _, err := p.Conversation(id); !errors.Is(err, chat.ErrNoConversation) {
		p.t.Errorf("%v still has it: %v", p.Address(), err)
	}
	if left := p.Traces(p.t); len(left) != 1 || left["t"] != 1 {
		p.t.Errorf("%v keeps records of %v", p.Address(), left)
	}
}

// A conversation that was left can be deleted, and nothing of it remains.
func TestDeleteConversation(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		x.alice.say(x.id, "secret")
		pass(time.Second)
		if err := x.bob.List().Delete(t.Context(), x.id); !errors.Is(err, chat.ErrStillIn) {
			t.Errorf("deleted while in it: %v", err)
		}
		must(t, x.bob.Leave(t.Context(), x.id))
		pass(time.Minute)
		must(t, x.bob.List().Delete(t.Context(), x.id))
		pass(time.Second)
		x.bob.gone(x.id)
		if err := x.bob.ConnectConversation(x.id); !errors.Is(err, chat.ErrNoConversation) {
			t.Errorf("it can still be started: %v", err)
		}
		x.bob.restart()
		x.bob.gone(x.id)
		// Whoever is invited again begins with nothing.
		must(t, x.alice.Groups().Add(t.Context(), x.id, []account.Address{x.bob.Address()}))
		pass(time.Minute)
		x.bob.accept()
		x.alice.say(x.id, "again")
		pass(time.Minute)
		want(t, "bob", x.bob.texts(x.id), []string{"again"})
		x.bob.say(x.id, "hello")
		pass(time.Minute)
		want(t, "alice", x.alice.texts(x.id), []string{"secret", "again", "hello"})
		must(t, x.bob.Leave(t.Context(), x.id)) // and once more, in the same session
		pass(time.Minute)
		must(t, x.bob.List().Delete(t.Context(), x.id))
		pass(time.Second)
		x.bob.gone(x.id)
		must(t, x.alice.Groups().Add(t.Context(), x.id, []account.Address{x.bob.Address()}))
		pass(time.Minute)
		x.alice.say(x.id, "third time")
		pass(time.Minute)
		want(t, "bob", x.bob.texts(x.id), []string{"third time"})
	})
}

// When one of two leaves, the other writes no more into the void: what they
// write next begins a new conversation.
func TestTheOtherLeaves(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id, err := a.Direct(t.Context(), b.Address())
		must(t, err)
		a.say(id, "hello")
		pass(time.Minute)
		b.accept()
		must(t, b.Leave(t.Context(), id))
		pass(time.Minute)
		want(t, "the conversation", []chat.Status{a.status(id).Status, b.status(id).Status}, []chat.Status{chat.StatusRemoved, chat.StatusLeft})
		if _, err := a.Send(t.Context(), id, chat.Draft{Text: "are you there"}); !errors.Is(err, chat.ErrClosed) {
			t.Errorf("writing to nobody: %v", err)
		}
		again, err := a.Direct(t.Context(), b.Address())
		must(t, err)
		a.say(again, "hello again")
		pass(time.Minute)
		want(t, "bob", b.texts(again), []string{"hello again"})
	})
}

// Leaving and deleting need no connection; the others learn of it later, and
// only then do the keys go.
func TestDeleteOffLine(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		x.alice.say(x.id, "secret")
		pass(time.Second)
		x.bob.way.Partition("", true)
		x.bob.say(x.id, "never sent")
		must(t, x.bob.Leave(t.Context(), x.id))
		must(t, x.bob.List().Delete(t.Context(), x.id))
		check := func() {
			t.Helper()
			all, err := x.bob.Conversations()
			must(t, err)
			if len(all) != 0 {
				t.Errorf("bob's list has %+v", all)
			}
			if left := x.bob.Traces(t); left["m"]+left["i"]+left["q"]+left["x"]+left["h"] > 0 {
				t.Errorf("of what was said there remain %v", left)
			}
		}
		check()
		x.bob.restart()
		check()
		x.alice.say(x.id, "meanwhile")
		x.bob.way.Partition("", false)
		pass(10 * time.Minute)
		check()
		x.bob.gone(x.id)
		members, err := x.alice.Groups().Members(x.id)
		must(t, err)
		if len(members) != 2 {
			t.Errorf("%d members are left", len(members))
		}
		want(t, "alice", x.alice.texts(x.id), []string{"secret", "meanwhile"})
	})
}

// A request is declined by deleting it.
func TestDeleteRequest(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id := a.begins(b)
		a.say(id, "buy this")
		pass(time.Minute)
		if c := b.status(id); c.Status != chat.StatusRequest {
			t.Fatalf("%v", c.Status)
		}
		must(t, b.List().Delete(t.Context(), id))
		if _, err := a.Send(t.Context(), id, chat.Draft{Text: "buy that"}); err != nil && !errors.Is(err, chat.ErrClosed) { // alice may know by now
			t.Fatal(err)
		}
		pass(10 * time.Minute)
		b.gone(id)
		must(t, b.TakeInbox(func(r chat.Received) error {
			t.Errorf("bob got %q", r.Message.Text)
			return nil
		}))
		// One may still change one's mind.
		id, err := b.Direct(t.Context(), a.Address())
		must(t, err)
		must(t, b.ConnectConversation(id))
		b.say(id, "well")
		pass(time.Minute)
		want(t, "bob", b.texts(id), []string{"well"})
	})
}

// An invitation that the server kept does not bring a deleted conversation
// back.
func TestOldInvitationsBringNothingBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		epoch, err := x.bob.Epoch(x.id)
		must(t, err)
		must(t, x.alice.Groups().Remove(t.Context(), x.id, []account.Address{x.bob.Address()}))
		pass(time.Second)
		must(t, x.bob.List().Delete(t.Context(), x.id))
		pass(time.Second)
		x.bob.gone(x.id)
		if at := x.bob.DeletedAt(t, x.channel); at != epoch { // one to the next may be that of who was added again at once
			t.Errorf("invitations up to epoch %d are refused, and bob was in %d", at, epoch)
		}
	})
}

// A disk that fails at any write of a deletion leaves the conversation as it
// was, or gone.
func TestDeleteOnAFailingDisk(t *testing.T) {
	for at := 1; at < 60; at += 6 {
		inBubble(t, func(t *testing.T) {
			x := newTrio(t, false)
			x.alice.say(x.id, "secret")
			pass(time.Second) // so that it arrives before bob leaves
			must(t, x.bob.Leave(t.Context(), x.id))
			pass(time.Minute)
			x.bob.store.FailAt(at)
			err := x.bob.List().Delete(t.Context(), x.id)
			x.bob.store.FailAt(0)
			pass(time.Minute)
			if err != nil {
				want(t, "bob", x.bob.texts(x.id), []string{"secret"})
				must(t, x.bob.List().Delete(t.Context(), x.id))
			}
			pass(time.Minute)
			x.bob.gone(x.id)
			x.bob.restart()
			x.bob.gone(x.id)
		})
	}
}
