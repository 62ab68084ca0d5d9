// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
)

const day = 24 * time.Hour

// wrongClocks are by how much clocks are wrong in tests.
var wrongClocks = []time.Duration{-2 * time.Hour, 2 * time.Hour, -40 * day, 40 * day, -3652 * day, 3652 * day}

// skewed opens a person's profile again with a clock that can be put wrong.
func (p *person) skewed() *atomic.Int64 {
	var by atomic.Int64
	p.Close()
	p.cfg.Now = func() time.Time { return time.Now().Add(time.Duration(by.Load())) }
	p.open()
	must(p.t, p.ConnectAll())
	return &by
}

// With a wrong clock, on either side, people can write to each other for the
// first time, be added to groups and follow them.
func TestWrongClocksKeepNobodyOut(t *testing.T) {
	for _, side := range []string{"client", "server"} {
		for _, skew := range wrongClocks {
			t.Run(fmt.Sprint(side, skew), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					time.Sleep(20 * 365 * day) // so that there are ten years before
					net := fakeserver.NewNet()
					alice, bob := join(t, net, "alice", host), join(t, net, "bob", host)
					if side == "server" {
						net.Server(host).SetClock(skew)
						bob.way.Cut("")
					} else {
						by := bob.skewed()
						by.Store(int64(skew))
						bob.restart()
					}
					pass(time.Minute)
					if got, want := bob.Account().ClockAhead(), map[string]time.Duration{"client": skew, "server": -skew}[side]; (got - want).Abs() > time.Minute {
						t.Errorf("bob's clock is said to be %v ahead, not %v", got, want)
					}
					for range 31 { // all key packages that were made before
						net.Server(host).TakeKeyPackage("bob")
					}
					bob.restart()
					pass(time.Minute)
					carol := join(t, net, "carol", host)
					id := group(t, alice, bob)
					must(t, bob.Idle(id))
					must(t, alice.Groups().Add(t.Context(), id, []account.Address{carol.Address()}))
					pass(time.Minute)
					carol.accept()
					pass(time.Minute)
					other := group(t, bob, alice, carol)
					for _, at := range []chat.ConversationID{id, other} {
						for _, p := range []*person{alice, bob, carol} {
							p.say(at, "from "+p.Address().Name)
							pass(time.Minute)
						}
						for _, p := range []*person{alice, bob, carol} {
							want(t, p.Address().Name, p.texts(at), []string{"from alice", "from bob", "from carol"})
						}
					}
				})
			})
		}
	}
}

// A clock that is wrong for a minute erases no message before its time, whether
// the program runs or is started then.
func TestWrongClockErasesNothing(t *testing.T) {
	for _, when := range []string{"connected", "reconnecting", "at the start"} {
		for _, skew := range wrongClocks {
			t.Run(fmt.Sprint(when, skew), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					time.Sleep(20 * 365 * day)
					net := fakeserver.NewNet()
					alice, bob := join(t, net, "alice", host), join(t, net, "bob", host)
					by := bob.skewed()
					id := group(t, alice, bob)
					must(t, alice.Groups().SetTimer(t.Context(), id, 7*day))
					pass(time.Minute)
					alice.say(id, "for a week")
					pass(time.Minute)
					want(t, "bob, at first,", bob.texts(id), []string{"for a week"})
					switch when {
					case "at the start":
						bob.way.Partition("", true)
						by.Store(int64(skew))
						bob.restart()
					case "reconnecting":
						by.Store(int64(skew))
						bob.way.Cut("")
					default:
						by.Store(int64(skew))
						bob.store.FailAt(1) // what fails is tried again, and with it all that is due
						alice.say(id, "meanwhile")
					}
					pass(time.Minute)
					by.Store(0)
					bob.way.Partition("", false)
					bob.restart()
					pass(time.Minute)
					if got := bob.texts(id); count(got, "for a week") != 1 {
						t.Errorf("bob has %q", got)
					}
					pass(8 * day)
					if got := bob.texts(id); count(got, "for a week") != 0 {
						t.Errorf("a week later bob has %q", got)
					}
				})
			})
		}
	}
}

// A message that comes, or is written, while a clock is behind lasts as long as it
// was given, whether the clock is set right meanwhile or stays wrong.
func TestMessagesLastWhileAClockIsBehind(t *testing.T) {
	for _, how := range []string{"stays wrong", "is set while connected", "is set and reconnects", "is set while closed", "is set while closed, after writing off line", "is set, and starts off line"} {
		t.Run(how, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				time.Sleep(20 * 365 * day)
				net := fakeserver.NewNet()
				alice, bob := join(t, net, "alice", host), join(t, net, "bob", host)
				id := group(t, alice, bob)
				by := bob.skewed()
				by.Store(int64(-40 * day))
				bob.restart()
				pass(time.Minute)
				must(t, alice.Groups().SetTimer(t.Context(), id, time.Hour))
				pass(time.Minute)
				alice.say(id, "from alice")
				pass(time.Minute)
				if how == "is set while closed, after writing off line" {
					bob.way.Partition("", true)
					bob.restart()
				}
				bob.say(id, "from bob")
				pass(time.Minute)
				bob.way.Partition("", false)
				pass(time.Minute)
				switch how {
				case "is set while connected":
					by.Store(0)
				case "is set and reconnects":
					by.Store(0)
					bob.way.Cut("")
				case "is set while closed", "is set while closed, after writing off line":
					by.Store(0)
					bob.restart()
				case "is set, and starts off line":
					bob.way.Partition("", true)
					by.Store(0)
					bob.restart()
					pass(time.Minute)
					want(t, "bob, off line,", bob.texts(id), []string{"from alice", "from bob"})
					bob.way.Partition("", false)
				}
				pass(50 * time.Minute)
				want(t, "bob", bob.texts(id), []string{"from alice", "from bob"})
				pass(20 * time.Minute)
				want(t, "bob, when the time has come,", bob.texts(id), nil)
			})
		})
	}
}
