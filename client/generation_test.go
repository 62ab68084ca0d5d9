// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
)

// takesOver has a copy of a profile go on in place of the newer one.
func (p *person) takesOver(newer *person) {
	p.t.Helper()
	newer.Close()
	p.open()
	must(p.t, p.ConnectAll())
	pass(time.Minute)
	if !p.isCopied() {
		p.t.Fatal("the older copy is not told")
	}
	must(p.t, p.Account().TakeOver(soon(p.t)))
	pass(time.Minute)
}

// texts of the messages that somebody has in all conversations with a person.
func (p *person) textsWith(who *person) (all []string) {
	p.t.Helper()
	list, err := p.Conversations()
	must(p.t, err)
	for _, c := range list {
		if c.Peer == who.Address() {
			all = append(all, p.texts(c.ID)...)
		}
	}
	return all
}

// talkingPair makes two people who talk to each other, and returns their conversation.
func talkingPair(t *testing.T) (net *fakeserver.Net, a, b *person, id chat.ConversationID) {
	t.Helper()
	net = fakeserver.NewNet()
	a, b = join(t, net, "alice", host), join(t, net, "bob", host)
	return net, a, b, a.talkTo(b)
}

// talkTo begins a conversation in which both have said something.
func (p *person) talkTo(q *person) chat.ConversationID {
	p.t.Helper()
	id, err := p.Direct(p.t.Context(), q.Address())
	must(p.t, err)
	must(p.t, p.ConnectConversation(id))
	p.say(id, "hello")
	pass(time.Minute)
	q.accept()
	pass(time.Minute)
	q.say(id, "hi")
	pass(time.Minute)
	return id
}

// What somebody writes into a conversation that is over for a profile that was put
// back arrives, once, when their device notices.
func TestConversationGoesOnAfterAProfileIsPutBack(t *testing.T) {
	for _, inviter := range []bool{true, false} {
		t.Run(fmt.Sprint("inviter: ", inviter), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net, a, b, id := talkingPair(t)
				if !inviter {
					a, b = b, a
				}
				old := a.copied(t, "old", &trio{net: net})
				a.restart()
				a.say(id, "one")
				pass(time.Minute)
				old.takesOver(a)
				if c := old.status(id); c.Status != chat.StatusLost {
					t.Fatalf("where the newer copy wrote: %s", c.Status)
				}
				b.say(id, "two")
				b.say(id, "three")
				pass(5 * time.Minute)
				want(t, "too early", old.texts(id)[2:], nil)
				pass(time.Hour)
				if c := old.status(id); c.Status != chat.StatusActive || c.Members != 2 {
					t.Errorf("%s, %d members", c.Status, c.Members)
				}
				want(t, "what arrived", old.texts(id)[2:], []string{"two", "three"})
				old.say(id, "four")
				pass(time.Minute)
				want(t, "the other", b.texts(id), []string{"hello", "hi", "one", "two", "three", "four"})
				must(t, b.Messages().History(id, func(m chat.Message) bool {
					if m.Own && m.State != chat.StateDelivered || m.Notice != nil {
						t.Errorf("%q is %s; notice %v", m.Text, m.State, m.Notice)
					}
					return true
				}))
				// It is not done again without need.
				epoch, err := b.Epoch(id)
				must(t, err)
				old.Close()
				b.say(id, "five")
				pass(48 * time.Hour)
				if now, err := b.Epoch(id); err != nil || now != epoch {
					t.Errorf("in epoch %d after %d, %v", now, epoch, err)
				}
			})
		})
	}
}

// A request that the newer copy of a profile had fetched comes again, also one that
// it had accepted.
func TestRequestsComeAgainAfterAProfileIsPutBack(t *testing.T) {
	for _, accepted := range []bool{false, true} {
		t.Run(fmt.Sprint("accepted: ", accepted), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				a, b := join(t, net, "alice", host), join(t, net, "bob", host)
				old := a.copied(t, "old", &trio{net: net})
				a.restart()
				id := b.begins(a)
				b.say(id, "hello")
				pass(time.Minute)
				if accepted {
					a.accept()
					pass(time.Minute)
				}
				want(t, "the newer copy", a.texts(id), []string{"hello"})
				old.takesOver(a)
				want(t, "at first", old.textsWith(b), nil)
				if accepted {
					b.say(id, "are you there?")
				}
				pass(2 * time.Hour)
				old.accept()
				pass(time.Minute)
				texts := old.textsWith(b)
				if accepted {
					want(t, "what came", texts, []string{"are you there?"})
				} else {
					want(t, "what came", texts, []string{"hello"})
				}
				old.say(id, "welcome")
				pass(time.Minute)
				if got := b.texts(id); count(got, "welcome") != 1 {
					t.Errorf("bob has %q", got)
				}
			})
		})
	}
}

// An invitation to a group that the newer copy had fetched comes again; so does one
// made for a key that only the newer copy had.
func TestGroupInvitationsComeAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, c := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "carol", host)
		old := a.copied(t, "old", &trio{net: net})
		a.restart()
		id, err := b.CreateGroup(t.Context(), "Group", []account.Address{a.Address(), c.Address()})
		must(t, err)
		must(t, b.ConnectConversation(id))
		pass(time.Minute)
		c.accept()
		pass(time.Minute)
		old.takesOver(a)
		b.say(id, "welcome")
		pass(2 * time.Hour)
		old.accept()
		pass(time.Minute)
		want(t, "alice", old.texts(id), []string{"welcome"})
		want(t, "carol", c.texts(id), []string{"welcome"})
		old.say(id, "thanks")
		pass(time.Minute)
		want(t, "carol", c.texts(id), []string{"welcome", "thanks"})
	})
}

// After a profile took over, conversations in which the other copy wrote nothing go on
// as they are, and nobody is added again.
func TestTakeoverAloneChangesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net, a, b, id := talkingPair(t)
		old := a.copied(t, "old", &trio{net: net})
		a.restart()
		pass(time.Minute)
		old.takesOver(a)
		epoch, err := b.Epoch(id)
		must(t, err)
		old.Close()
		b.say(id, "are you there?")
		pass(48 * time.Hour)
		if now, err := b.Epoch(id); err != nil || now != epoch {
			t.Errorf("in epoch %d after %d, %v", now, epoch, err)
		}
		old.open()
		must(t, old.ConnectAll())
		pass(time.Minute)
		want(t, "alice", old.texts(id), []string{"hello", "hi", "are you there?"})
	})
}

// Whose conversation was replaced by a newer one learns what did not arrive.
func TestSupersededConversationSaysWhatIsLost(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net, a, b, id := talkingPair(t)
		old := a.copied(t, "old", &trio{net: net})
		a.restart()
		a.say(id, "one")
		pass(time.Minute)
		old.takesOver(a)
		b.say(id, "two")
		pass(time.Minute)
		fresh := old.begins(b)
		old.say(fresh, "again")
		pass(time.Hour)
		want(t, "the new conversation", b.texts(fresh), []string{"again"})
		if c := b.status(id); c.Status != chat.StatusLost {
			t.Errorf("the old conversation: %s", c.Status)
		}
		for _, m := range b.history(id) {
			if lost := m.Text == "two"; lost != (m.State == chat.StateFailed) {
				t.Errorf("%q is %s", m.Text, m.State)
			}
		}
	})
}

// A device that follows the conversation after all, and is added again because it could
// not say so in time, goes on with what it had.
func TestAddedAgainWithoutNeed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", "there.example")
		id := b.talkTo(a)
		old := a.copied(t, "old", &trio{net: net})
		a.restart()
		pass(time.Minute)
		old.way.Partition("there.example", true)
		old.takesOver(a)
		b.say(id, "one")
		pass(2 * time.Hour)
		if c := old.status(id); c.Status != chat.StatusActive {
			t.Fatalf("cut off from the conversation's server: %s", c.Status)
		}
		epoch, err := b.Epoch(id)
		must(t, err)
		old.say(id, "written meanwhile")
		old.way.Partition("there.example", false)
		pass(time.Hour)
		if c := old.status(id); c.Status != chat.StatusActive || c.Members != 2 {
			t.Errorf("%s, %d members", c.Status, c.Members)
		}
		if now, err := old.Epoch(id); err != nil || now < epoch || epoch < 2 {
			t.Errorf("in epoch %d, the other in %d: %v", now, epoch, err)
		}
		if got := old.texts(id); count(got, "one") != 1 || count(got, "hello") != 1 {
			t.Errorf("alice has %q", got)
		}
		old.say(id, "two")
		pass(time.Minute)
		if got := b.texts(id); count(got, "two") != 1 {
			t.Errorf("bob has %q", got)
		}
		for _, m := range old.history(id) {
			n := count(b.texts(id), m.Text)
			if m.Text == "written meanwhile" && (m.State == chat.StateFailed) != (n == 0) {
				t.Errorf("what was written meanwhile is %s, and bob has it %d times", m.State, n)
			}
		}
	})
}
