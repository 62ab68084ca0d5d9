// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"crypto/rand"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

func endpoint(p *person) string { return "https://push.example/" + p.Address().Name }

// wakeable has somebody woken, from now on.
func (p *person) wakeable() {
	p.t.Helper()
	must(p.t, p.Account().SetWake(p.t.Context(), endpoint(p)))
	pass(15 * time.Second)
}

// away cuts somebody off, for long enough that nobody takes them to be there.
func (p *person) away(on bool) {
	p.way.Partition("", on)
	pass(2 * time.Minute)
}

// token is the one that is registered.
func (x *trio) token(t *testing.T) (one protocol.WakeToken) {
	t.Helper()
	all := x.net.Server(host).Wakes()
	if len(all) != 1 {
		t.Fatalf("%d tokens are registered", len(all))
	}
	for token := range all {
		one = token
	}
	return one
}

func TestMessagesWake(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		s := x.net.Server(host)
		before := x.entries()
		x.bob.wakeable()
		must(t, x.bob.Account().SetWake(t.Context(), endpoint(x.bob)))
		x.bob.restart()
		x.alice.restart()
		pass(time.Hour)
		if n := x.entries() - before; n != 1 {
			t.Errorf("%d entries tell the token", n)
		}
		if on, err := x.bob.Account().Waking(); err != nil || !on {
			t.Errorf("%v, %v", on, err)
		}
		if c := x.alice.status(x.id); c.Unread != 0 || c.Last != nil && c.Last.Notice == nil {
			t.Errorf("the token is shown: %+v", c)
		}

		x.bob.say(x.id, "here")
		pass(10 * time.Second)
		x.alice.say(x.id, "there")
		pass(time.Minute)
		want(t, "there", s.Woken(), nil)

		x.bob.away(true)
		m := x.alice.say(x.id, "one")
		pass(time.Second)
		want(t, "one", s.Woken(), []string{endpoint(x.bob)})
		x.alice.say(x.id, "two")
		x.alice.say(x.id, "three")
		pass(50 * time.Second)
		want(t, "two and three, at first", s.Woken(), nil)
		pass(time.Minute)
		want(t, "two and three", s.Woken(), []string{endpoint(x.bob)})
		must(t, x.alice.Messages().React(t.Context(), x.id, m.ID, "+", false))
		must(t, x.alice.Messages().Edit(t.Context(), x.id, m.ID, "1"))
		must(t, x.alice.Typing(t.Context(), x.id, true))
		pass(2 * time.Minute)
		want(t, "what is no message", s.Woken(), nil)
		x.mallory.say(x.id, "four")
		pass(time.Second)
		want(t, "four", s.Woken(), []string{endpoint(x.bob)})

		// Who has just gone is waited for, in case they have not.
		x.bob.away(false)
		x.bob.say(x.id, "five")
		pass(time.Second)
		x.bob.way.Partition("", true)
		pass(10 * time.Second)
		x.alice.say(x.id, "six")
		pass(4 * time.Second)
		want(t, "six, at first", s.Woken(), nil)
		pass(2 * time.Second)
		want(t, "six", s.Woken(), []string{endpoint(x.bob)})
		x.bob.away(false)
		want(t, "bob", x.bob.texts(x.id), []string{"here", "there", "1", "two", "three", "four", "five", "six"})
	})
}

// A message that waits in the outbox wakes once it is in the channel.
func TestWaitingMessagesWakeLater(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		s := x.net.Server(host)
		x.bob.wakeable()
		x.bob.away(true)
		x.alice.away(true)
		x.alice.say(x.id, "one")
		pass(time.Minute)
		want(t, "off line", s.Woken(), nil)
		x.alice.restart()
		x.alice.way.Partition("", false)
		pass(time.Minute)
		want(t, "back", s.Woken(), []string{endpoint(x.bob)})

		// A program that ends once it has sent wakes, too.
		x.alice.Close()
		pass(time.Minute)
		x.alice.open()
		x.alice.say(x.id, "two")
		must(t, x.alice.WaitUntilSent(t.Context(), x.id))
		x.alice.Close()
		want(t, "a short program", s.Woken(), []string{endpoint(x.bob)})
	})
}

func TestTokensAreWithdrawn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		s := x.net.Server(host)
		x.bob.wakeable()
		before := x.entries()
		must(t, x.bob.List().SetMuted(t.Context(), x.id, time.Now().Add(time.Hour)))
		pass(time.Second)
		if n := x.entries() - before; n != 1 {
			t.Errorf("%d entries withdraw the token", n)
		}
		x.bob.away(true)
		x.alice.say(x.id, "muted")
		pass(time.Minute)
		want(t, "muted", s.Woken(), nil)
		x.bob.away(false)
		pass(time.Hour)
		must(t, x.bob.List().SetArchived(t.Context(), x.id, true))
		x.bob.away(true)
		x.alice.say(x.id, "no longer muted")
		pass(time.Minute)
		want(t, "no longer muted", s.Woken(), []string{endpoint(x.bob)})
		x.bob.away(false)

		must(t, x.bob.Account().SetWake(t.Context(), ""))
		pass(time.Minute)
		if on, err := x.bob.Account().Waking(); err != nil || on || len(s.Wakes()) != 0 {
			t.Errorf("%v, %v, %v", on, err, s.Wakes())
		}
		before = x.entries()
		x.bob.away(true)
		x.alice.say(x.id, "off")
		pass(time.Minute)
		want(t, "off", s.Woken(), nil)
		if n := x.entries() - before; n != 1+1 { // mallory's report
			t.Errorf("%d entries", n)
		}
	})
}

// Who joins learns the tokens of those who are there, and they learn theirs.
func TestNewMembersLearnTokens(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		x.bob.wakeable()
		carol := join(t, x.net, "carol", "there.example")
		carol.wakeable()
		dora := join(t, x.net, "dora", "there.example")
		before := x.entries()
		must(t, x.alice.Groups().Add(t.Context(), x.id, []account.Address{carol.Address()}))
		pass(time.Second)
		must(t, x.alice.Groups().Add(t.Context(), x.id, []account.Address{dora.Address()}))
		pass(time.Minute)
		if n := x.entries() - before; n != 2+1+3 { // the second waited for bob to tell both, and for three delivery tokens
			t.Errorf("%d entries for two members", n)
		}
		x.bob.away(true)
		x.alice.say(x.id, "carol has not accepted")
		pass(time.Minute)
		want(t, "here", x.net.Server(host).Woken(), []string{endpoint(x.bob)})
		want(t, "there", x.net.Server("there.example").Woken(), nil)
		carol.accept()
		dora.accept()
		pass(2 * time.Minute)
		dora.say(x.id, "from dora")
		pass(time.Minute)
		want(t, "here", x.net.Server(host).Woken(), []string{endpoint(x.bob)})
		want(t, "there, but idle", x.net.Server("there.example").Woken(), []string{endpoint(carol)})
		x.bob.away(false)
		carol.away(true)
		x.bob.say(x.id, "from bob")
		pass(time.Minute)
		want(t, "there", x.net.Server("there.example").Woken(), []string{endpoint(carol)})
	})
}

// Who goes cannot wake those who stay for long, and who is blocked not at all.
func TestTokensChangeWhenSomebodyGoes(t *testing.T) {
	for name, act := range map[string]func(*testing.T, *trio){
		"leaves": func(t *testing.T, x *trio) { must(t, x.mallory.Leave(t.Context(), x.id)) },
		"is removed": func(t *testing.T, x *trio) {
			must(t, x.alice.Groups().Remove(t.Context(), x.id, []account.Address{x.mallory.Address()}))
		},
		"is blocked": func(t *testing.T, x *trio) { must(t, x.bob.People().Block(t.Context(), x.mallory.Address())) },
		"stays":      func(t *testing.T, x *trio) { must(t, x.bob.Leave(t.Context(), x.id)) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				x := newTrio(t, false)
				direct := x.bob.begins(x.alice)
				pass(time.Minute)
				x.bob.wakeable()
				old := x.token(t)
				act(t, x)
				if name == "is blocked" {
					pass(time.Minute)
				} else {
					pass(2 * time.Hour)
				}
				if fresh := x.token(t); fresh == old {
					t.Error("the token is the same")
				}
				x.bob.restart()
				pass(time.Minute)
				x.bob.away(true)
				x.alice.say(direct, "one")
				pass(time.Minute)
				want(t, "woken", x.net.Server(host).Woken(), []string{endpoint(x.bob)})
				fresh := x.token(t)
				x.bob.away(false)
				pass(5 * time.Hour)
				if x.token(t) != fresh {
					t.Error("the token changes again")
				}
			})
		})
	}
}

// A registration is renewed each day, is made once the server is reached, and
// is given up if the server does not want it.
func TestRegistering(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		s := x.net.Server(host)
		key, err := x.bob.Account().WakeKey(t.Context())
		if err != nil || len(key) != 65 {
			t.Errorf("%x, %v", key, err)
		}
		var registered atomic.Int32
		var refuse atomic.Pointer[protocol.Error]
		s.SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) fakeserver.Verdict {
			if op == protocol.OpWakeRegister {
				registered.Add(1)
				return fakeserver.Verdict{Refuse: refuse.Load()}
			}
			if op == protocol.OpWakeKey {
				return fakeserver.Verdict{Refuse: &protocol.Error{Code: protocol.CodeUnsupported}}
			}
			return fakeserver.Verdict{}
		}})
		if _, err := x.bob.Account().WakeKey(t.Context()); !errors.Is(err, &protocol.Error{Code: protocol.CodeUnsupported}) {
			t.Errorf("without push: %v", err)
		}
		refuse.Store(&protocol.Error{Code: protocol.CodeInvalid})
		if err := x.bob.Account().SetWake(t.Context(), endpoint(x.bob)); !errors.Is(err, refuse.Load()) {
			t.Errorf("refused: %v", err)
		}
		pass(2 * time.Hour)
		if on, err := x.bob.Account().Waking(); err != nil || on || registered.Load() != 1 {
			t.Errorf("%v, %v, %d registrations", on, err, registered.Load())
		}
		refuse.Store(nil)
		x.bob.way.Partition("", true)
		before := x.entries()
		must(t, x.bob.Account().SetWake(t.Context(), endpoint(x.bob)))
		pass(time.Hour)
		x.bob.restart()
		x.bob.way.Partition("", false)
		pass(10 * time.Minute)
		if registered.Load() != 2 || len(s.Wakes()) != 1 {
			t.Errorf("%d registrations, %v", registered.Load(), s.Wakes())
		}
		pass(25 * time.Hour)
		if registered.Load() != 3 {
			t.Errorf("%d registrations", registered.Load())
		}
		refuse.Store(&protocol.Error{Code: protocol.CodeRateLimited, RetryAfter: time.Minute})
		pass(24 * time.Hour)
		refuse.Store(nil)
		if registered.Load() < 4 {
			t.Errorf("%d registrations", registered.Load())
		}
		pass(10 * time.Minute)
		must(t, x.bob.Account().SetWake(t.Context(), "https://push.example/other"))
		if s.Wakes()[x.token(t)] != "https://push.example/other" {
			t.Errorf("%v", s.Wakes())
		}
		pass(time.Hour)
		if n := x.entries() - before; n != 1 {
			t.Errorf("%d entries tell the token", n)
		}
	})
}

// Nobody is told a token before their request is accepted, and wakes nobody.
func TestRequestsDoNotWake(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		alice, bob := join(t, net, "alice", host), join(t, net, "bob", host)
		bob.wakeable()
		id, err := alice.Direct(t.Context(), bob.Address())
		must(t, err)
		alice.say(id, "one")
		pass(time.Minute)
		bob.way.Partition("", true)
		pass(time.Minute)
		alice.say(id, "two")
		pass(time.Minute)
		want(t, "before", net.Server(host).Woken(), nil)
		bob.away(false)
		bob.accept()
		pass(10 * time.Second)
		bob.away(true)
		alice.say(id, "three")
		pass(time.Minute)
		want(t, "after", net.Server(host).Woken(), []string{endpoint(bob)})
	})
}

// Whatever a member tells does no harm.
func TestForgedTokens(t *testing.T) {
	encode := func(v any) []byte {
		b, err := dcbor.Marshal(v)
		must(t, err)
		return b
	}
	for name, m := range map[string]content.Message{
		"junk":           content.Control("wake", []byte{0xff}),
		"nothing":        content.Control("wake", nil),
		"too short":      content.Control("wake", encode(map[int]any{1: 1, 2: make([]byte, 31)})),
		"too long":       content.Control("wake", encode(map[int]any{1: 1, 2: make([]byte, 33)})),
		"a later format": content.Control("wake", encode(map[int]any{1: 1, 2: make([]byte, 32), 3: 0})),
		"an unknown one": content.Control("of a later version", encode(map[int]any{1: 1})),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				x := newTrio(t, false)
				s := x.net.Server(host)
				waking := 0
				s.SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) fakeserver.Verdict {
					if op == protocol.OpWake {
						waking++
					}
					return fakeserver.Verdict{}
				}})
				x.forge(t, func(g *mls.Group) ([]byte, *mls.StagedCommit, error) {
					m, err := m.Salted(rand.Reader)
					if err != nil {
						return nil, nil, err
					}
					raw, err := m.Encode()
					if err != nil {
						return nil, nil, err
					}
					b, _, err := g.Protect(raw, mls.ProtectOptions{})
					return b, nil, err
				})
				x.talks(t)
				if waking > 0 || x.bob.status(x.id).Unread != 1 {
					t.Errorf("%d wakes, %d unread", waking, x.bob.status(x.id).Unread)
				}
				if f := slices.Concat(x.alice.failed(), x.bob.failed()); len(f) > 0 {
					t.Errorf("failed: %v", f)
				}
			})
		})
	}
}
