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

// The members of a new group are invited before its creator asks for the group's
// connection or says anything.
func TestNewGroupsInviteTheirMembers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id, err := a.CreateGroup(t.Context(), "Group", []account.Address{b.Address()})
		must(t, err)
		pass(time.Minute)
		if got := a.status(id).Members; got != 2 {
			t.Errorf("it has %d members", got)
		}
		if got := b.status(id).Status; got != chat.StatusRequest {
			t.Errorf("bob's conversation is %v", got)
		}
	})
}

// Who began a conversation between two knows whether the other has answered,
// and whether anything was said.
func TestConversationsAreUnansweredAndEmpty(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id, err := a.Direct(t.Context(), b.Address())
		must(t, err)
		is := func(unanswered, empty bool) {
			t.Helper()
			if c := a.status(id); c.Unanswered != unanswered || c.Empty != empty {
				t.Errorf("unanswered %v, empty %v", c.Unanswered, c.Empty)
			}
		}
		is(true, true)
		a.say(id, "hello")
		pass(time.Minute)
		is(true, false)
		if b.status(id).Unanswered {
			t.Error("bob, who did not begin it, has no answer")
		}
		b.accept()
		pass(time.Minute)
		is(false, false) // though bob has no name to tell and says nothing
	})
}

// Who enters a group without a request tells the own name in it.
func TestWhoEntersWithoutARequestTellsTheirName(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, c := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "carol", host)
		must(t, b.Account().SetProfile(t.Context(), "Bob"))
		with, err := a.Direct(t.Context(), b.Address())
		must(t, err)
		a.say(with, "hello")
		pass(time.Minute)
		b.accept() // from now on alice is known
		pass(time.Minute)
		id, err := a.CreateGroup(t.Context(), "Group", []account.Address{b.Address(), c.Address()})
		must(t, err)
		pass(time.Minute)
		if got := b.status(id).Status; got != chat.StatusActive {
			t.Fatalf("bob's group is %v", got)
		}
		c.accept()
		pass(time.Minute)
		if name, err := c.People().NameOf(b.Address()); err != nil || name != "Bob" {
			t.Errorf("carol calls bob %q, %v", name, err)
		}
	})
}

// A group that has an owner keeps one: the only owner can neither give the role
// away nor leave before somebody else has it.
func TestGroupsKeepAnOwner(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id := group(t, a, b)
		refused := func(err error) {
			t.Helper()
			if !errors.Is(err, chat.ErrLastOwner) {
				t.Errorf("the only owner was told %v", err)
			}
		}
		refused(a.Groups().SetRole(t.Context(), id, a.Address(), chat.RoleMember))
		refused(a.Leave(t.Context(), id))
		// The successor has left before it is their turn.
		a.way.Partition("", true)
		must(t, a.Groups().SetRole(t.Context(), id, b.Address(), chat.RoleOwner))
		must(t, a.Leave(t.Context(), id))
		must(t, b.Leave(t.Context(), id))
		pass(time.Minute)
		a.failed()
		a.way.Partition("", false)
		pass(time.Minute)
		must(t, a.Idle(id))
		// And with a successor who is there.
		c := join(t, net, "carol", host)
		other := group(t, a, c)
		must(t, a.Groups().SetRole(t.Context(), other, c.Address(), chat.RoleOwner))
		must(t, a.Leave(t.Context(), other))
		pass(time.Minute)
		if got := roles(t, c, other); got["carol"] != chat.RoleOwner || len(got) != 1 {
			t.Errorf("carol sees %v", got)
		}
	})
}

// A verified person keeps the name that was verified. Their conversation says
// once that they go by another, and verifying them again takes that.
func TestVerifiedPeopleKeepTheirName(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		must(t, b.Account().SetProfile(t.Context(), "Bob"))
		id, err := a.Direct(t.Context(), b.Address())
		must(t, err)
		a.say(id, "hello")
		pass(time.Minute)
		b.accept()
		group(t, a, b) // where he tells his name, too
		pass(time.Minute)
		must(t, a.People().MarkVerified(b.Address()))
		called := func(name string, notices int) {
			t.Helper()
			contact, err := a.People().Contact(b.Address())
			must(t, err)
			if got := a.status(id).Name; got != name || contact.DisplayName() != name {
				t.Errorf("alice calls bob %q and %q", got, contact.DisplayName())
			}
			if got := a.told(id); len(got) != notices {
				t.Errorf("alice was told %q", got)
			}
		}
		called("Bob", 0)
		must(t, b.Account().SetProfile(t.Context(), "Alice"))
		pass(time.Minute)
		called("Bob", 1)
		must(t, b.Account().SetProfile(t.Context(), "Alice"))
		pass(time.Minute)
		called("Bob", 1)
		must(t, a.People().MarkVerified(b.Address()))
		called("Alice", 1)
	})
}
