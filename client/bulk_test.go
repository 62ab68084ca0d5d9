// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
)

// A full disk is told once, and tried again later each time; when there is room,
// everything goes on.
func TestFullDiskIsNotStormed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id := group(t, a, b)
		pass(time.Minute)
		_ = b.failed()
		b.store.Fill(true)
		before := b.store.Failures()
		a.say(id, "one")
		pass(time.Hour)
		events, tries := len(b.failed()), b.store.Failures()-before
		t.Logf("an hour of a full disk: %d events, %d attempts", events, tries)
		if events != 1 || tries > 100 {
			t.Errorf("an hour of a full disk: %d events, %d attempts", events, tries)
		}
		b.store.Fill(false)
		pass(time.Minute)
		want(t, "bob", b.texts(id), []string{"one"})
		b.store.Fill(true)
		a.say(id, "two")
		pass(time.Hour)
		b.store.Fill(false)
		b.say(id, "there is room") // which finds that out at once
		pass(time.Second)
		want(t, "bob", b.texts(id), []string{"one", "there is room", "two"})
		must(t, b.Idle(id))
	})
}

// A conversation that refuses the new name keeps it from no other.
func TestNewNameReachesWhomItCan(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		var all []chat.ConversationID
		for range 3 {
			all = append(all, group(t, a, b))
		}
		a.way.Partition("", true)
		must(t, a.Groups().SetRole(t.Context(), all[1], b.Address(), chat.RoleOwner))
		must(t, a.Leave(t.Context(), all[1]))
		err := a.Account().SetProfile(t.Context(), "Alice A.")
		if !errors.Is(err, chat.ErrClosed) || !strings.HasPrefix(err.Error(), "Group: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("one refusal of three is told as %v", err)
		}
		a.way.Partition("", false)
		pass(time.Minute)
		if c, err := b.People().Contact(a.Address()); err != nil || c.Profile != "Alice A." {
			t.Errorf("bob knows her as %q, %v", c.Profile, err)
		}
		for _, id := range []chat.ConversationID{all[0], all[2]} {
			must(t, a.Idle(id))
		}
	})
}

// Blocking somebody goes on where one conversation fails.
func TestBlockingGoesOnPastAFailure(t *testing.T) {
	failed := 0
	for n := 1; n <= 12; n++ {
		inBubble(t, func(t *testing.T) {
			net := fakeserver.NewNet()
			a, m := join(t, net, "alice", host), join(t, net, "mallory", host)
			m.begins(a)
			for range 2 {
				id, err := m.CreateGroup(t.Context(), "Group", []account.Address{a.Address()})
				must(t, err)
				must(t, m.ConnectConversation(id))
			}
			pass(time.Minute)
			a.store.FailAt(n)
			err := a.People().Block(t.Context(), m.Address())
			a.store.FailAt(0)
			c, e := a.People().Contact(m.Address())
			must(t, e)
			if err == nil || !c.Blocked {
				return
			}
			failed++
			open := 0
			all, err := a.Conversations()
			must(t, err)
			for _, conv := range all {
				if conv.Status != chat.StatusBlocked {
					open++
				}
			}
			if len(all) != 3 || open > 1 {
				t.Errorf("a failure at write %d left %d of %d conversations open", n, open, len(all))
			}
		})
	}
	if failed == 0 { // which write belongs to a conversation depends on what else is stored meanwhile
		t.Error("the disk never failed in a conversation")
	}
}
