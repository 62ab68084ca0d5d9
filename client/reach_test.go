// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// crowd has a stranger at evil.example make a group with members at n hosts
// that nobody ever heard of, and invite somebody.
func crowd(t *testing.T, net *fakeserver.Net, n int, whom *person) (*person, chat.ConversationID) {
	t.Helper()
	mallory := join(t, net, "mallory", "evil.example")
	id, err := mallory.CreateGroup(t.Context(), "Offers", []account.Address{mallory.Address()})
	must(t, err)
	must(t, mallory.ConnectConversation(id))
	must(t, mallory.WaitUntilSent(soon(t), id))
	pass(time.Second)
	if n > 0 {
		mallory.addGhosts(net, id, n)
	}
	must(t, mallory.Groups().Add(t.Context(), id, []account.Address{whom.Address()}))
	must(t, mallory.WaitUntilSent(soon(t), id))
	pass(time.Second)
	return mallory, id
}

// addGhosts has the owner of a group add members that do not exist.
func (p *person) addGhosts(net *fakeserver.Net, id chat.ConversationID, n int) {
	p.t.Helper()
	p.Close()
	p.open()
	var all []*mls.KeyPackage
	for i := range n {
		kp, err := client.Ghost(account.Address{Name: "ghost", Host: fmt.Sprintf("h%03d.example", i)}, time.Now())
		must(p.t, err)
		all = append(all, kp)
	}
	entry, next, err := p.ForgeAll(id, mls.CommitOptions{Now: time.Now(), Add: all})
	must(p.t, err)
	s := net.Server(p.Address().Host)
	for _, channel := range s.Channels() {
		if client.NameOfChannel(channel) == id {
			s.Inject(channel, entry, next)
		}
	}
	must(p.t, p.ConnectAll())
	must(p.t, p.Sync(soon(p.t)))
}

// A letter that names many hosts has the device contact none of them: not when
// it comes, not later, not after a restart, not when the request is declined or
// its sender blocked, in whichever order.
func TestLettersContactNobody(t *testing.T) {
	const hosts = 100
	for name, end := range map[string]func(*testing.T, *person, account.Address, chat.ConversationID){
		"declined": func(t *testing.T, p *person, _ account.Address, id chat.ConversationID) {
			must(t, p.List().Delete(t.Context(), id))
		},
		"blocked": func(t *testing.T, p *person, who account.Address, _ chat.ConversationID) {
			must(t, p.People().Block(t.Context(), who))
		},
		"declined, then blocked": func(t *testing.T, p *person, who account.Address, id chat.ConversationID) {
			must(t, p.List().Delete(t.Context(), id))
			must(t, p.People().Block(t.Context(), who))
		},
		"blocked, then deleted": func(t *testing.T, p *person, who account.Address, id chat.ConversationID) {
			must(t, p.People().Block(t.Context(), who))
			must(t, p.List().Delete(t.Context(), id))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				bob := join(t, net, "bob", host)
				m := bob.metered()
				m.swallows = func(h string) bool { return h != host }
				mallory, id := crowd(t, net, hosts, bob)
				pass(time.Hour)
				c := bob.status(id)
				if c.Status != chat.StatusRequest || c.Members != hosts+2 || c.Confirmed {
					t.Errorf("the request is %v with %d members, confirmed %v", c.Status, c.Members, c.Confirmed)
				}
				bob.restart()
				must(t, bob.Sync(soon(t)))
				pass(time.Hour)
				before := len(net.Server("evil.example").Entries(net.Server("evil.example").Channels()[0]))
				end(t, bob, mallory.Address(), id)
				pass(time.Hour)
				bob.restart()
				began := time.Now()
				must(t, bob.Sync(soon(t)))
				if took := time.Since(began); took > time.Second {
					t.Errorf("Sync took %v", took)
				}
				pass(time.Hour)
				if n := m.foreign(); n != 0 {
					t.Errorf("%d contacts with other hosts", n)
				}
				if after := len(net.Server("evil.example").Entries(net.Server("evil.example").Channels()[0])); after != before {
					t.Error("the channel was told")
				}
			})
		})
	}
}

// Requests never take the place of conversations: with 2,100 of them, ten
// conversations are live within five seconds of a restart, though a connection
// has room for 1,024 channels.
func TestRequestsTakeNoPlaces(t *testing.T) {
	requests := 2100
	if testing.Short() {
		requests = 210
	}
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		bob, alice := join(t, net, "bob", host), join(t, net, "alice", host)
		var ids []chat.ConversationID
		for range 10 {
			ids = append(ids, group(t, alice, bob))
		}
		mallory := join(t, net, "mallory", host)
		for range requests {
			_, err := mallory.CreateGroup(t.Context(), "Offers", []account.Address{bob.Address()})
			must(t, err)
		}
		must(t, mallory.ConnectAll())
		pass(time.Hour)
		mallory.Close()
		all, err := bob.Conversations()
		must(t, err)
		if len(all) != requests+len(ids) {
			t.Fatalf("%d conversations", len(all))
		}
		opened := 0
		net.Server(host).SetFaults(fakeserver.Faults{Request: func(who string, op protocol.Op, _ protocol.Body) fakeserver.Verdict {
			if who == "bob" && op == protocol.OpChannelOpen {
				opened++
			}
			return fakeserver.Verdict{}
		}})
		bob.restart()
		pass(5 * time.Second)
		for _, id := range ids {
			alice.say(id, "are you there?")
		}
		pass(time.Second)
		for i, id := range ids {
			if got := bob.texts(id); len(got) != 1 {
				t.Errorf("conversation %d: %v", i, got)
			}
			must(t, bob.Idle(id))
		}
		must(t, bob.Sync(soon(t)))
		pass(time.Hour)
		if most := len(ids) + 16; opened > most {
			t.Errorf("%d channels were opened, at most %d should be", opened, most)
		}
		t.Logf("%d requests, %d channels opened", requests, opened)
	})
}

// heard counts the entries that a server sends to somebody.
func heard(net *fakeserver.Net, at, who string) *atomic.Int64 {
	var n atomic.Int64
	net.Server(at).SetFaults(fakeserver.Faults{Event: func(client string, body protocol.Body) ([]protocol.Body, bool) {
		if _, ok := body.(*protocol.Entry); ok && client == who {
			n.Add(1)
		}
		return []protocol.Body{body}, false
	}})
	return &n
}

// A connection ends with its last conversation, and a server is told at once
// what is not wanted any more: after a block and after a deletion nothing is
// delivered and nobody is dialled, whether or not the host cuts the connection.
func TestConnectionsEndWithTheirConversations(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *person, *person, chat.ConversationID){
		"blocked": func(t *testing.T, bob, mallory *person, _ chat.ConversationID) {
			must(t, bob.People().Block(t.Context(), mallory.Address()))
		},
		"left and deleted": func(t *testing.T, bob, _ *person, id chat.ConversationID) {
			must(t, bob.Leave(t.Context(), id))
			must(t, bob.List().Delete(t.Context(), id))
			pass(11 * time.Minute)
		},
		"deleted, then blocked": func(t *testing.T, bob, mallory *person, id chat.ConversationID) {
			must(t, bob.Leave(t.Context(), id))
			must(t, bob.List().Delete(t.Context(), id))
			must(t, bob.People().Block(t.Context(), mallory.Address()))
		},
	} {
		for _, where := range []string{host, "evil.example"} {
			t.Run(name+" at "+where, func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					net := fakeserver.NewNet()
					bob, mallory := join(t, net, "bob", host), join(t, net, "mallory", where)
					m := bob.metered()
					id := mallory.begins(bob)
					pass(time.Second)
					bob.accept()
					pass(time.Second)
					if where != host && m.present() == 0 {
						t.Fatal("bob is not connected")
					}
					channel := net.Server(where).Channels()[0]
					end(t, bob, mallory, id)
					pass(time.Second)
					m.foreign()
					got := heard(net, where, "bob")
					for range 50 {
						net.Server(where).InjectRaw(channel, protocol.Entry{Epoch: net.Server(where).Epoch(channel), Kind: protocol.KindMessage, Ciphertext: []byte("junk")})
					}
					for range 20 {
						if where != host {
							bob.way.Cut(where)
						}
						pass(3 * time.Minute)
					}
					if n := m.foreign(); n != 0 || got.Load() != 0 || m.present() != 0 {
						t.Errorf("%d dials, %d entries delivered, %d connections", n, got.Load(), m.present())
					}
				})
			})
		}
	}
}

// However many servers the accepted conversations lie on, connections to them
// are bounded, and all conversations go on.
func TestConnectionsToOtherServersAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const hosts = 60
		net := fakeserver.NewNet()
		bob := join(t, net, "bob", host)
		m := bob.metered()
		var people []*person
		var ids []chat.ConversationID
		for i := range hosts {
			p := join(t, net, fmt.Sprintf("friend%d", i), fmt.Sprintf("h%d.example", i))
			id := p.begins(bob)
			pass(time.Second)
			bob.accept()
			people, ids = append(people, p), append(ids, id)
		}
		pass(5 * time.Minute)
		for i, p := range people {
			p.say(ids[i], "hello")
		}
		pass(5 * time.Minute)
		for i := range people {
			want(t, fmt.Sprintf("conversation %d", i), bob.texts(ids[i]), []string{"hello"})
		}
		if m.most > 64 || m.most < 40 {
			t.Errorf("%d connections at a time", m.most)
		}
		t.Logf("at most %d connections", m.most)
	})
}

// What a contact's device signed is let in; a stranger who writes in a contact's name
// asks first.
func TestContactsNeedNotAsk(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		bob, alice := join(t, net, "bob", host), join(t, net, "alice", "there.example")
		group(t, alice, bob)
		id, err := alice.CreateGroup(t.Context(), "Second", []account.Address{bob.Address()})
		must(t, err)
		must(t, alice.ConnectConversation(id))
		alice.say(id, "hello")
		pass(time.Minute)
		if c := bob.status(id); c.Status != chat.StatusActive {
			t.Errorf("%v", c.Status)
		}
		want(t, "bob", bob.texts(id), []string{"hello"})
	})
}

// A host that swallows what it is sent, and was accepted, holds up Sync for
// three seconds at most, and the conversations of other servers not at all.
func TestDeadHostsHoldUpNobody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		bob, alice, carol, dead := join(t, net, "bob", host), join(t, net, "alice", host), join(t, net, "carol", "there.example"), join(t, net, "dan", "dead.example")
		m := bob.metered()
		group(t, dead, bob)
		near, far := group(t, alice, bob), group(t, carol, bob)
		mixed := group(t, alice, bob)
		m.mu.Lock()
		m.swallows = func(h string) bool { return h == "dead.example" }
		m.mu.Unlock()
		must(t, alice.Groups().Add(t.Context(), mixed, []account.Address{dead.Address()}))
		pass(time.Minute)
		bob.Close()
		alice.say(near, "near")
		carol.say(far, "far")
		alice.say(mixed, "mixed")
		pass(time.Minute)
		bob.open()
		must(t, bob.ConnectAll())
		began := time.Now()
		must(t, bob.Sync(soon(t)))
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("Sync took %v", took)
		}
		for id, text := range map[chat.ConversationID]string{near: "near", far: "far", mixed: "mixed"} {
			want(t, text, bob.texts(id), []string{text})
		}
		away := bob.Unreached()
		var why *chat.HostError
		if len(away) != 1 || !errors.As(away["dead.example"], &why) || why.Own || !strings.Contains(why.Error(), "the server dead.example cannot be reached") {
			t.Errorf("out of reach: %v", away)
		}
	})
}

// However many hosts of a conversation do not answer, people at other hosts are
// found within a minute.
func TestDeadHostsHoldUpNoLookups(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		bob, carol := join(t, net, "bob", host), join(t, net, "carol", "there.example")
		m := bob.metered()
		m.swallows = func(h string) bool { return strings.HasPrefix(h, "h") && h != host }
		_, id := crowd(t, net, 600, bob)
		pass(time.Minute)
		must(t, bob.Accept(t.Context(), id))
		for range 5 {
			pass(time.Minute)
			began := time.Now()
			with, err := bob.CreateGroup(t.Context(), "Group", []account.Address{carol.Address()})
			must(t, err)
			must(t, bob.ConnectConversation(with))
			for carol.has(with) == nil && time.Since(began) < time.Hour {
				pass(time.Second)
			}
			if took := time.Since(began); took > time.Minute {
				t.Errorf("the invitation took %v", took)
			}
		}
	})
}

// A server that asks to be left alone for a day does not keep the members at
// others from being confirmed.
func TestServersThatPutOffHoldUpNoLookups(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		alice, bob := join(t, net, "alice", host), join(t, net, "bob", host)
		carol, evil := join(t, net, "carol", "there.example"), join(t, net, "eve", "evil.example")
		id := group(t, alice, carol, evil)
		net.Server("evil.example").SetFaults(fakeserver.Faults{Request: func(who string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
			if who == "bob" && op == protocol.OpAccountGet {
				v.Refuse = &protocol.Error{Code: protocol.CodeRateLimited, RetryAfter: 24 * time.Hour}
			}
			return v
		}})
		must(t, alice.Groups().Add(t.Context(), id, []account.Address{bob.Address()}))
		pass(time.Minute)
		bob.way.Partition("there.example", true)
		bob.accept()
		pass(10 * time.Second)
		bob.way.Partition("there.example", false)
		must(t, alice.Groups().Remove(t.Context(), id, []account.Address{evil.Address()}))
		bob.say(id, "hello")
		pass(10 * time.Minute)
		want(t, "carol", carol.texts(id), []string{"hello"})
	})
}

// Of many requests the newest are open, and whichever is looked at.
func TestRequestsThatAreLookedAtAreOpen(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		bob, mallory := join(t, net, "bob", host), join(t, net, "mallory", host)
		var ids []chat.ConversationID
		for range 20 {
			id, err := mallory.CreateGroup(t.Context(), "Offers", []account.Address{bob.Address()})
			must(t, err)
			must(t, mallory.ConnectConversation(id))
			pass(time.Second)
			ids = append(ids, id)
		}
		for _, id := range ids {
			mallory.say(id, "buy this")
		}
		pass(time.Minute)
		open := 0
		for _, id := range ids {
			open += len(bob.texts(id))
		}
		if open != 16 || len(bob.texts(ids[0])) != 0 || len(bob.texts(ids[19])) != 1 {
			t.Errorf("%d requests are open, the oldest has %q, the newest %q", open, bob.texts(ids[0]), bob.texts(ids[19]))
		}
		must(t, bob.ConnectConversation(ids[0]))
		pass(time.Second)
		want(t, "what is looked at", bob.texts(ids[0]), []string{"buy this"})
		must(t, bob.Accept(t.Context(), ids[1]))
		pass(time.Second)
		want(t, "what is accepted", bob.texts(ids[1]), []string{"buy this"})
	})
}

// A request is heard for a mebibyte, and then not any more until it is
// accepted.
func TestRequestsAreHeardForALittle(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		bob, mallory := join(t, net, "bob", host), join(t, net, "mallory", host)
		id := mallory.begins(bob)
		pass(time.Second)
		channel := net.Server(host).Channels()[0]
		got := heard(net, host, "bob")
		for range 100 {
			net.Server(host).InjectRaw(channel, protocol.Entry{Epoch: net.Server(host).Epoch(channel), Kind: protocol.KindMessage, Ciphertext: make([]byte, 100<<10)})
			pass(time.Second)
		}
		pass(time.Hour)
		if n := got.Load(); n > 12 {
			t.Errorf("%d entries of 100 KiB were delivered", n)
		}
		mallory.say(id, "hello")
		bob.accept()
		pass(time.Minute)
		want(t, "bob", bob.texts(id), []string{"hello"})
	})
}
