// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/protocol"
)

// One invited person whose server is down holds up nobody, and is added when
// it is back.
func TestOneDeadServerHoldsUpNobody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, c := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "carol", "there.example")
		a.way.Partition("there.example", true)
		id, err := a.CreateGroup(t.Context(), "Group", []account.Address{c.Address(), b.Address(), b.Address()})
		must(t, err)
		must(t, a.ConnectConversation(id))
		a.say(id, "one")
		pass(time.Minute)
		b.accept()
		for i := range 5 {
			a.say(id, fmt.Sprint(i))
			pass(time.Minute) // whether or not carol's server is being tried
		}
		want(t, "bob", b.texts(id), []string{"one", "0", "1", "2", "3", "4"})
		a.restart()
		a.way.Partition("there.example", false)
		pass(10 * time.Minute)
		c.accept()
		pass(time.Minute)
		a.say(id, "two")
		pass(time.Minute)
		want(t, "carol", c.texts(id), []string{"two"})
		must(t, a.Idle(id))
	})
}

// Letters that cannot be delivered keep neither the channel nor other letters.
func TestUndeliverableLettersHoldUpNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, c := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "carol", "there.example")
		net.Server("there.example").SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) fakeserver.Verdict {
			if op == protocol.OpLetterSend {
				return fakeserver.Verdict{Refuse: &protocol.Error{Code: protocol.CodeQuotaExceeded}}
			}
			return fakeserver.Verdict{}
		}})
		id, err := a.CreateGroup(t.Context(), "Group", []account.Address{c.Address(), b.Address()})
		must(t, err)
		must(t, a.ConnectConversation(id))
		pass(time.Hour)
		b.accept()
		a.say(id, "one")
		pass(2 * time.Second)
		b.say(id, "two")
		pass(2 * time.Second)
		want(t, "alice", a.texts(id), []string{"one", "two"})
		want(t, "bob", b.texts(id), []string{"one", "two"})
		net.Server("there.example").SetFaults(fakeserver.Faults{})
		pass(10 * time.Minute)
		c.accept()
		pass(time.Minute)
		want(t, "carol", c.texts(id), []string{"one", "two"})
	})
}

// What was asked for while one might is not done when one may no more.
func TestRolesAreLookedAtWhenAChangeIsMade(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, true) // mallory is honest here
		x.mallory.way.Partition("", true)
		must(t, x.mallory.Groups().Rename(t.Context(), x.id, "Renamed"))
		must(t, x.alice.Groups().SetRole(t.Context(), x.id, x.mallory.Address(), chat.RoleMember))
		pass(time.Second)
		x.mallory.failed()
		x.mallory.way.Partition("", false)
		pass(time.Minute)
		failed := x.mallory.failed()
		if len(failed) != 1 || !errors.Is(failed[0], chat.ErrNotAllowed) {
			t.Errorf("mallory was told %v", failed)
		}
		x.talks(t)
		must(t, x.mallory.Idle(x.id))
	})
}

// Whoever is leaving says nothing more, and is gone once.
func TestNothingIsSaidAfterLeaving(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		x.mallory.way.Partition("", true)
		x.mallory.say(x.id, "before")
		must(t, x.mallory.Leave(t.Context(), x.id))
		must(t, x.mallory.Leave(t.Context(), x.id))
		if _, err := x.mallory.Send(t.Context(), x.id, chat.Draft{Text: "after"}); !errors.Is(err, chat.ErrClosed) {
			t.Errorf("sending after leaving: %v", err)
		}
		x.mallory.failed()
		x.mallory.way.Partition("", false)
		pass(time.Minute)
		want(t, "alice", x.alice.texts(x.id), []string{"before"})
		if c := x.mallory.status(x.id); c.Status != chat.StatusLeft {
			t.Errorf("%v", c.Status)
		}
		if f := x.mallory.failed(); len(f) > 0 {
			t.Errorf("leaving failed: %v", f)
		}
		x.talks(t)
	})
}

// A departure is committed by a member who restarts before its turn.
func TestDeparturesAreCommittedAfterARestart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		x.alice.Close() // whose turn is first
		must(t, x.mallory.Leave(t.Context(), x.id))
		pass(500 * time.Millisecond)
		x.bob.restart()
		pass(time.Minute)
		members, err := x.bob.Groups().Members(x.id)
		must(t, err)
		if len(members) != 2 {
			t.Errorf("%v", members)
		}
		must(t, x.bob.Idle(x.id))
	})
}

// Messages that disappear do so everywhere: at those who read them, who never
// open them, who were removed, and in the outbox of who was off line.
func TestExpiredMessagesAreGone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		send := func(p *person, text string) {
			_, err := p.Send(t.Context(), x.id, chat.Draft{Text: text, Expire: time.Hour})
			must(t, err)
		}
		send(x.alice, "short-lived")
		pass(time.Second)
		must(t, x.alice.Groups().Remove(t.Context(), x.id, []account.Address{x.mallory.Address()}))
		pass(time.Second)
		x.mallory.Close()
		x.bob.way.Partition("", true)
		send(x.bob, "too late")
		send(x.alice, "comes too late")
		pass(2 * time.Hour)
		x.bob.way.Partition("", false)
		pass(time.Minute)
		x.mallory.open()
		for _, p := range []*person{x.alice, x.bob, x.mallory} {
			want(t, p.Address().String(), p.texts(x.id), nil)
			if n, err := p.Stored(x.id); err != nil || n != 0 {
				t.Errorf("%v still stores %d messages, %v", p.Address(), n, err)
			}
			must(t, p.TakeInbox(func(r chat.Received) error { return fmt.Errorf("%q is still to be read", r.Message.Text) }))
		}
		if c := x.bob.status(x.id); c.Waiting != 0 {
			t.Errorf("bob has %d messages waiting", c.Waiting)
		}
	})
}

// A message may last longer than a server keeps it.
func TestLongExpiry(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		must(t, x.alice.Groups().SetTimer(t.Context(), x.id, chat.MaxExpiry))
		pass(time.Second)
		x.talks(t)
		for _, bad := range []time.Duration{-time.Second, time.Millisecond, chat.MaxExpiry + time.Second} {
			if err := x.alice.Groups().SetTimer(t.Context(), x.id, bad); err == nil {
				t.Errorf("a timer of %v", bad)
			}
			if _, err := x.alice.Send(t.Context(), x.id, chat.Draft{Text: "x", Expire: bad}); err == nil {
				t.Errorf("an expiry of %v", bad)
			}
		}
	})
}

// Many refusals at a time count as one.
func TestRateLimitsAreWaitedForOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		var lifted atomic.Bool
		x.net.Server(host).SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) fakeserver.Verdict {
			if op == protocol.OpChannelPost && !lifted.Load() {
				return fakeserver.Verdict{Refuse: &protocol.Error{Code: protocol.CodeRateLimited, RetryAfter: 3 * time.Second}}
			}
			return fakeserver.Verdict{}
		}})
		var all []string
		for i := range 40 {
			all = append(all, fmt.Sprint(i))
			x.alice.say(x.id, all[i])
		}
		pass(2 * time.Second)
		lifted.Store(true)
		pass(10 * time.Second)
		want(t, "bob", x.bob.texts(x.id), all)
	})
}

// A message that is refused while those behind it are on their way comes first
// all the same, and meanwhile others are heard.
func TestRefusedMessagesKeepTheirOrder(t *testing.T) {
	for _, code := range []protocol.ErrorCode{protocol.CodeRateLimited, protocol.CodeUnavailable, protocol.CodeInternal, protocol.CodeQuotaExceeded} {
		t.Run(code.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				x := newTrio(t, false)
				posts := 0
				x.net.Server(host).SetFaults(fakeserver.Faults{Request: func(who string, op protocol.Op, _ protocol.Body) fakeserver.Verdict {
					if op != protocol.OpChannelPost || who != "alice" {
						return fakeserver.Verdict{}
					}
					if posts++; posts == 2 || posts == 12 {
						return fakeserver.Verdict{Refuse: &protocol.Error{Code: code, RetryAfter: time.Hour}}
					}
					return fakeserver.Verdict{}
				}})
				var all []string
				for i := range 10 {
					all = append(all, fmt.Sprint(i))
					x.alice.say(x.id, all[i])
				}
				pass(time.Minute)
				want(t, "bob, at first", x.bob.texts(x.id), all[:1])
				x.bob.say(x.id, "are you there")
				pass(time.Minute)
				want(t, "alice hears", x.alice.texts(x.id)[10:], []string{"are you there"})
				pass(3 * time.Hour)
				want(t, "bob", slices.DeleteFunc(x.bob.texts(x.id), func(s string) bool { return s == "are you there" }), all)
			})
		})
	}
}

// Both people begin a conversation at the same time: each can be reached by
// address, and both have all messages.
func TestBothBegin(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		ab, err := a.Direct(t.Context(), b.Address())
		must(t, err)
		ba, err := b.Direct(t.Context(), a.Address())
		must(t, err)
		must(t, a.ConnectConversation(ab))
		must(t, b.ConnectConversation(ba))
		pass(time.Minute)
		for _, p := range []*person{a, b} {
			other := map[*person]*person{a: b, b: a}[p]
			id, err := p.Find(other.Address().String())
			must(t, err)
			p.say(id, "hello")
			pass(time.Minute)
			got := append(other.texts(ab), other.texts(ba)...)
			if len(got) == 0 || got[len(got)-1] != "hello" {
				t.Errorf("%v has %q", other.Address(), got)
			}
		}
	})
}

func TestBlockedPeopleAreNotAdded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		carol := join(t, x.net, "carol", host)
		must(t, x.alice.People().Block(t.Context(), carol.Address()))
		if err := x.alice.Groups().Add(t.Context(), x.id, []account.Address{carol.Address()}); err == nil {
			t.Error("a blocked person was added")
		}
		if _, err := x.alice.Direct(t.Context(), carol.Address()); err == nil {
			t.Error("a conversation with a blocked person began")
		}
		if c, err := x.alice.People().Contact(carol.Address()); err != nil || !c.Blocked {
			t.Errorf("%+v, %v", c, err)
		}
		// What she sends is neither shown nor told.
		x.alice.failed()
		id := carol.begins(x.alice)
		pass(time.Minute)
		if _, err := x.alice.Conversation(id); !errors.Is(err, chat.ErrNoConversation) {
			t.Errorf("alice heard of it: %v", err)
		}
		if f := x.alice.failed(); len(f) > 0 {
			t.Errorf("alice was told %v", f)
		}
		must(t, x.alice.People().Unblock(carol.Address()))
		must(t, x.alice.Groups().Add(t.Context(), x.id, []account.Address{carol.Address()}))
	})
}

// What somebody does before anybody vouched for them shows only afterwards.
func TestTheUnconfirmedAreNotShown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, c := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "carol", "there.example")
		id := group(t, a, b)
		a.say(id, "one")
		b.way.Partition("there.example", true)
		must(t, a.Groups().Add(t.Context(), id, []account.Address{c.Address()}))
		pass(time.Second)
		c.accept()
		m := a.say(id, "two")
		pass(time.Second)
		must(t, c.Messages().React(t.Context(), id, m.ID, "x", false))
		must(t, c.Account().SetProfile(t.Context(), "Carol"))
		said := c.say(id, "three")
		must(t, c.Messages().Edit(t.Context(), id, said.ID, "four"))
		pass(time.Minute)
		want(t, "bob", b.texts(id), []string{"one", "two"})
		if r := b.history(id)[1].Reactions; len(r) > 0 {
			t.Errorf("bob sees %v", r)
		}
		if k, err := b.People().Contact(c.Address()); err != nil || k.Profile != "" {
			t.Errorf("%+v, %v", k, err)
		}
		must(t, c.Leave(t.Context(), id)) // and is gone before bob can ask
		pass(time.Minute)
		b.restart()
		b.way.Partition("there.example", false)
		pass(10 * time.Minute)
		want(t, "bob", b.texts(id), []string{"one", "two", "four"})
		if r := b.history(id)[1].Reactions; len(r) != 1 {
			t.Errorf("bob sees %v", r)
		}
		if k, err := b.People().Contact(c.Address()); err != nil || k.Profile != "Carol" {
			t.Errorf("%+v, %v", k, err)
		}
		must(t, b.Idle(id))
	})
}

// A server that cannot be asked, whatever the reason, is no impostor.
func TestAServerInTroubleIsNoImpostor(t *testing.T) {
	for name, verdict := range map[string]fakeserver.Verdict{
		"refuses":         {Refuse: &protocol.Error{Code: protocol.CodeTooLarge}},
		"is of tomorrow":  {Refuse: &protocol.Error{Code: protocol.CodeUnsupported}},
		"says nothing":    {Silent: true},
		"hangs up":        {DropBefore: true},
		"is rate limited": {Refuse: &protocol.Error{Code: protocol.CodeRateLimited, RetryAfter: time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				a, b := join(t, net, "alice", host), join(t, net, "bob", "there.example")
				id, err := a.Direct(t.Context(), b.Address())
				must(t, err)
				net.Server(host).SetFaults(fakeserver.Faults{Request: func(who string, op protocol.Op, _ protocol.Body) fakeserver.Verdict {
					if who == "bob" && op == protocol.OpAccountGet {
						return verdict
					}
					return fakeserver.Verdict{}
				}})
				must(t, a.ConnectConversation(id))
				a.say(id, "hello")
				pass(10 * time.Minute)
				if err := b.Accept(t.Context(), id); err == nil {
					t.Error("somebody was let in whom nobody vouched for")
				}
				if c := b.status(id); c.Status != chat.StatusRequest {
					t.Errorf("%v: %s", c.Status, c.Reason)
				}
				net.Server(host).SetFaults(fakeserver.Faults{})
				pass(10 * time.Minute)
				b.accept()
				pass(time.Second)
				want(t, "bob", b.texts(id), []string{"hello"})
			})
		})
	}
}

// A client that is closed lets go of everybody who waits.
func TestCloseEndsWaiting(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		x.alice.way.Partition("", true)
		x.alice.say(x.id, "never")
		pass(time.Second) // until then she may believe that she has everything
		ended := make(chan error, 2)
		go func() { ended <- x.alice.WaitUntilSent(context.Background(), x.id) }()
		go func() { ended <- x.alice.Sync(context.Background()) }()
		pass(time.Minute)
		x.alice.Close()
		for range 2 {
			if err := <-ended; err == nil {
				t.Error("waiting ended well")
			}
		}
	})
}

// Attachments survive whatever happens to their server and their file.
func TestAttachments(t *testing.T) {
	content := strings.Repeat("a file of some length ", 20_000)
	for name, happen := range map[string]func(x *trio, path string){
		"nothing": func(*trio, string) {},
		"the server loses what was uploaded": func(x *trio, _ string) {
			x.net.Server(host).SetFaults(fakeserver.Faults{CutUpload: 100_000})
			x.alice.way.Partition("", false)
			pass(3 * time.Second)
			x.net.Server(host).LoseBlobs()
		},
		"the upload is cut off": func(x *trio, _ string) {
			x.net.Server(host).SetFaults(fakeserver.Faults{CutUpload: 100_000})
			x.alice.way.Partition("", false)
			pass(500 * time.Millisecond)
		},
		"a restart": func(x *trio, _ string) {
			x.net.Server(host).SetFaults(fakeserver.Faults{CutUpload: 100_000})
			x.alice.way.Partition("", false)
			pass(500 * time.Millisecond)
			x.alice.restart()
		},
		"the file changes":  func(_ *trio, path string) { _ = os.WriteFile(path, []byte("something else"), 0o600) },
		"the file vanishes": func(_ *trio, path string) { _ = os.Remove(path) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				x := newTrio(t, false)
				path := filepath.Join(t.TempDir(), "file.txt")
				must(t, os.WriteFile(path, []byte(content), 0o600))
				x.alice.way.Partition("", true)
				_, err := x.alice.Send(t.Context(), x.id, chat.Draft{Text: "see", Files: []string{path}})
				must(t, err)
				pass(0) // so that nobody has the file open
				happen(x, path)
				x.alice.way.Partition("", false)
				pass(2 * time.Second)
				x.net.Server(host).SetFaults(fakeserver.Faults{})
				x.alice.say(x.id, "after")
				pass(10 * time.Minute)
				if strings.HasPrefix(name, "the file") {
					if m := x.alice.history(x.id)[0]; m.State != chat.StateFailed || m.Reason.Text == "" {
						t.Errorf("%v, %q", m.State, m.Reason.Text)
					}
					want(t, "bob", x.bob.texts(x.id), []string{"after"})
					return
				}
				texts := x.bob.texts(x.id)
				place := slices.Index(texts, "see") // last, if it had to be tried again
				if len(texts) != 2 || place < 0 || name == "nothing" && place > 0 {
					t.Fatalf("bob has %q", texts)
				}
				m := x.bob.history(x.id)[place]
				saved, err := x.bob.Files().Save(t.Context(), x.id, m.ID, m.Attachments[0].Index, filepath.Join(t.TempDir(), "in"))
				must(t, err)
				got, err := os.ReadFile(saved)
				must(t, err)
				if string(got) != content {
					t.Errorf("%d bytes came, and others", len(got))
				}
			})
		})
	}
}

// An interface that hears of messages by events leaves no inbox behind.
func TestForgetInbox(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		x.alice.say(x.id, "one")
		pass(time.Second)
		must(t, x.bob.Messages().ForgetInbox())
		x.alice.say(x.id, "two")
		pass(time.Second)
		var texts []string
		must(t, x.bob.TakeInbox(func(r chat.Received) error {
			texts = append(texts, r.Message.Text)
			return nil
		}))
		if !slices.Equal(texts, []string{"two"}) {
			t.Errorf("the inbox holds %q", texts)
		}
	})
}
