// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/protocol"
)

// A conversation between two that one of them leaves is over, and its channel
// goes; also if the server cannot be reached just then.
func TestChannelOfTwoGoesWithTheConversation(t *testing.T) {
	for name, away := range map[string]bool{"both are there": false, "who leaves is away when the other hears of it": true} {
		inBubble(t, func(t *testing.T) {
			net := fakeserver.NewNet()
			a, b := join(t, net, "alice", host), join(t, net, "bob", "there.example")
			s := net.Server(host)
			id := a.begins(b)
			a.say(id, "hello")
			pass(time.Minute)
			b.accept()
			pass(time.Minute)
			b.way.Partition("", true)
			a.say(id, "good bye")
			pass(time.Second)
			must(t, a.Leave(t.Context(), id))
			pass(time.Minute)
			must(t, a.List().Delete(t.Context(), id))
			pass(time.Minute)
			if n := len(s.Channels()); n != 1 {
				t.Fatalf("%s: %d channels while bob needs one", name, n)
			}
			if away {
				a.way.Partition("", true)
			}
			refused := 0
			s.SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
				if op == protocol.OpChannelDelete && refused < 2 {
					refused++
					v.Refuse = &protocol.Error{Code: protocol.CodeUnavailable}
				}
				return v
			}})
			b.way.Partition("", false)
			pass(time.Second)
			b.restart()
			pass(5 * time.Minute)
			if n := len(s.Channels()); n != 0 || refused != 2 {
				t.Errorf("%s: %d channels are left, %d refusals", name, n, refused)
			}
			want(t, "bob", b.texts(id), []string{"hello", "good bye"})
			if conv := b.status(id); conv.Status != chat.StatusRemoved {
				t.Errorf("%s: bob: %v, %q", name, conv.Status, conv.Reason.Text)
			}
			a.way.Partition("", false)
			pass(5 * time.Minute)
			if err := a.Idle(id); err == nil {
				t.Errorf("%s: alice still follows it", name)
			}
			must(t, b.List().Delete(t.Context(), id))
			if all, err := b.Conversations(); err != nil || len(all) != 0 {
				t.Errorf("%s: %v, %v", name, all, err)
			}
			for _, p := range []*person{a, b} {
				if f := p.failed(); len(f) > 0 {
					t.Errorf("%s: %v was told of %v", name, p.Address(), f)
				}
			}
		})
	}
}

// The channel of a group goes with its last member, not earlier, and not while
// somebody who was removed lately may still fetch what was said before.
func TestChannelOfAGroupGoesWithItsLastMember(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		s := x.net.Server(host)
		must(t, x.bob.Leave(t.Context(), x.id))
		must(t, x.mallory.Leave(t.Context(), x.id))
		pass(5 * time.Minute)
		if n := len(s.Channels()); n != 1 || x.alice.status(x.id).Members != 1 {
			t.Fatalf("%d channels, %d members", n, x.alice.status(x.id).Members)
		}
		must(t, x.alice.Leave(t.Context(), x.id))
		pass(time.Minute)
		if n := len(s.Channels()); n != 0 {
			t.Errorf("%d channels are left", n)
		}
	})
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		s := x.net.Server(host)
		x.bob.way.Partition("", true)
		x.alice.say(x.id, "sorry, bob")
		pass(time.Minute)
		must(t, x.alice.Groups().Remove(t.Context(), x.id, []account.Address{x.bob.Address(), x.mallory.Address()}))
		pass(time.Minute)
		must(t, x.alice.Leave(t.Context(), x.id))
		must(t, x.alice.List().Delete(t.Context(), x.id))
		pass(time.Minute)
		if n := len(s.Channels()); n != 1 {
			t.Fatalf("%d channels while bob needs one", n)
		}
		x.bob.way.Partition("", false)
		pass(time.Minute)
		want(t, "bob", x.bob.texts(x.id), []string{"sorry, bob"})
		if conv := x.bob.status(x.id); conv.Status != chat.StatusRemoved {
			t.Errorf("bob: %v", conv.Status)
		}
	})
}

// A server that deletes no channels, or none any more, holds up nothing.
func TestServersThatDeleteNoChannels(t *testing.T) {
	for _, code := range []protocol.ErrorCode{protocol.CodeUnsupported, protocol.CodeForbidden, protocol.CodeNotFound} {
		inBubble(t, func(t *testing.T) {
			net := fakeserver.NewNet()
			a := join(t, net, "alice", host)
			net.Server(host).SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
				if op == protocol.OpChannelDelete {
					v.Refuse = &protocol.Error{Code: code}
				}
				return v
			}})
			id, err := a.CreateGroup(t.Context(), "Mine", nil)
			must(t, err)
			must(t, a.ConnectConversation(id))
			pass(time.Minute)
			must(t, a.Leave(t.Context(), id))
			must(t, a.List().Delete(t.Context(), id))
			pass(time.Minute)
			if a.Actors() != 0 {
				t.Errorf("%v: the conversation is still there", code)
			}
		})
	}
}
