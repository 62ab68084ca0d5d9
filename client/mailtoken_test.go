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

// invite has somebody send one letter to another, and returns how the server saw
// it.
func invite(t *testing.T, net *fakeserver.Net, from, to *person) fakeserver.Sent {
	t.Helper()
	s := net.Server(to.Address().Host)
	_ = s.Sent()
	id, err := from.CreateGroup(t.Context(), "Another", []account.Address{to.Address()})
	must(t, err)
	must(t, from.ConnectConversation(id))
	pass(time.Minute)
	all := s.Sent()
	if len(all) != 1 {
		t.Fatalf("%d letters were sent", len(all))
	}
	return all[0]
}

// Letters of contacts show the token that the recipient told them, those of
// strangers and of people that the recipient blocked do not.
func TestContactsShowTheDeliveryToken(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", "there.example")
		m := join(t, net, "mallory", host)
		if l := invite(t, net, a, b); l.Contact || l.Token != nil {
			t.Error("a stranger's letter shows a token")
		}
		if l := invite(t, net, a, b); l.Contact || l.Token != nil {
			t.Error("a token was told before bob accepted")
		}
		b.accept()
		pass(time.Minute)
		if l := invite(t, net, a, b); !l.Contact {
			t.Error("a contact's letter does not show the token")
		}
		if l := invite(t, net, b, a); !l.Contact {
			t.Error("the letter of who accepted does not show the token")
		}
		// Who joins a group is told, too, and what was told survives restarts.
		both := group(t, b, m)
		pass(time.Minute)
		carol := join(t, net, "carol", host)
		must(t, b.Groups().Add(t.Context(), both, []account.Address{carol.Address()}))
		pass(time.Minute)
		carol.accept()
		pass(time.Minute)
		for _, p := range []*person{a, b, m, carol} {
			p.restart()
		}
		pass(time.Minute)
		for _, p := range []*person{a, m} {
			if l := invite(t, net, p, b); !l.Contact {
				t.Errorf("%v: a contact's letter does not show the token", p.Address())
			}
		}
		dave := join(t, net, "dave", host)
		must(t, b.Groups().Add(t.Context(), both, []account.Address{dave.Address()}))
		pass(time.Minute)
		dave.accept()
		pass(time.Minute)
		if l := invite(t, net, dave, b); !l.Contact {
			t.Error("who joined later was not told")
		}
		// Who is blocked learns no other token, also not in a group with others.
		must(t, b.People().Block(t.Context(), m.Address()))
		pass(time.Minute)
		if l := invite(t, net, m, b); l.Contact || l.Token == nil {
			t.Errorf("after bob blocked mallory her letter counts as a contact's: %v", l.Contact)
		}
		if l := invite(t, net, a, b); !l.Contact {
			t.Error("alice was not told of the new token")
		}
		if l := invite(t, net, carol, b); l.Contact || l.Token == nil {
			t.Error("carol was told of the new token where mallory hears it")
		}
	})
}

// The token is replaced although bob is off line when he blocks somebody, and
// set once a process.
func TestDeliveryTokensAreSetAtSignIn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		group(t, a, b)
		pass(time.Minute)
		set := 0
		net.Server(host).SetFaults(fakeserver.Faults{Request: func(who string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
			if who == "bob" && op == protocol.OpMailboxToken {
				set++
			}
			return v
		}})
		for range 5 {
			b.way.Cut(host)
			pass(time.Minute)
		}
		if set != 0 {
			t.Errorf("the token was set %d more times", set)
		}
		b.way.Partition("", true)
		must(t, b.People().Block(t.Context(), a.Address()))
		b.way.Partition("", false)
		pass(time.Minute)
		if l := invite(t, net, a, b); l.Contact || set != 1 {
			t.Errorf("set %d times; the letter of who is blocked counts: %v", set, l.Contact)
		}
	})
}

// A server without tokens loses nobody anything.
func TestServersWithoutDeliveryTokens(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		net.Server(host).SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
			if op == protocol.OpMailboxToken {
				v.Refuse = &protocol.Error{Code: protocol.CodeUnsupported}
			}
			return v
		}})
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id := group(t, a, b)
		pass(time.Minute)
		invite(t, net, a, b)
		if all, err := b.Conversations(); err != nil || len(all) != 2 || all[0].Status != chat.StatusActive {
			t.Errorf("%v, %v", all, err)
		}
		a.say(id, "hello")
		pass(time.Minute)
		want(t, "bob", b.texts(id), []string{"hello"})
	})
}

// Whoever blocks somebody while many letters arrive still gets all of them: the
// answer of the server, which is to know another token, comes behind them.
func TestBlockingWhileLettersArrive(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		alice, bob := join(t, net, "alice", host), join(t, net, "bob", host)
		group(t, alice, bob)
		pass(time.Minute)
		began := make(chan struct{}, 1)
		net.Server(host).SetFaults(fakeserver.Faults{Event: func(who string, b protocol.Body) ([]protocol.Body, bool) {
			if _, ok := b.(*protocol.Letter); ok && who == "bob" {
				select {
				case began <- struct{}{}:
				default:
				}
			}
			return []protocol.Body{b}, false
		}})
		bob.way.Partition("", true)
		for i := range 300 {
			in := junk()
			in.Stash, in.Channel[1] = nil, byte(i)
			net.Server(host).InjectLetter("bob", sealed(t, net, "bob", in))
		}
		bob.way.Partition("", false)
		<-began
		must(t, bob.People().Block(t.Context(), account.Address{Name: "mallory", Host: "evil.example"}))
		pass(time.Hour)
		id, err := alice.CreateGroup(t.Context(), "Later", []account.Address{bob.Address()})
		must(t, err)
		must(t, alice.ConnectConversation(id))
		pass(time.Minute)
		must(t, bob.Sync(soon(t)))
		if c := bob.has(id); c == nil || c.Status == chat.StatusBlocked {
			t.Errorf("an invitation never arrived: %v", c)
		}
	})
}
