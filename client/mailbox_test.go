// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/client/store/storetest"
	"github.com/securecrypt/securecrypt/protocol"
)

// Whatever step of signing in fails for a while, or loses its answer, is made
// good without a new connection being needed, and the account works.
func TestSigningInSurvivesFailures(t *testing.T) {
	ops := []protocol.Op{
		protocol.OpRegister, protocol.OpAuthenticate, protocol.OpKeyPackagesStatus, protocol.OpKeyPackagesPublish, protocol.OpMailboxOpen,
	}
	kinds := map[string]fakeserver.Verdict{
		"rate limited": {Refuse: &protocol.Error{Code: protocol.CodeRateLimited, RetryAfter: 10 * time.Second}},
		"unavailable":  {Refuse: &protocol.Error{Code: protocol.CodeUnavailable}},
		"cut before":   {DropBefore: true},
		"cut after":    {DropAfter: true},
	}
	for _, op := range ops {
		for name, verdict := range kinds {
			t.Run(fmt.Sprintf("%v/%s", op, name), func(t *testing.T) {
				inBubble(t, func(t *testing.T) { signInDespite(t, op, verdict) })
			})
		}
	}
}

func signInDespite(t *testing.T, op protocol.Op, verdict fakeserver.Verdict) {
	net := fakeserver.NewNet()
	left := 2
	net.Server(host).SetFaults(fakeserver.Faults{Request: func(_ string, got protocol.Op, _ protocol.Body) fakeserver.Verdict {
		if got == op && left > 0 {
			left--
			return verdict
		}
		return fakeserver.Verdict{}
	}})
	store := storetest.NewFaulty(memory.New())
	p := &person{t: t, store: store, way: net.Transport("alice")}
	p.cfg = client.Config{Store: store, Key: keyring.NewStoreKey(), Transport: p.way}
	_, err := client.Create(p.cfg, client.CreateParams{Address: account.Address{Name: "alice", Host: host}})
	must(t, err)
	p.open()
	p.Account().Connect()
	pass(time.Minute)
	must(t, p.Sync(soon(t)))
	if left != 0 {
		t.Errorf("%d of the failures did not happen", left)
	}
	if n := net.Server(host).KeyPackages("alice"); n < 30 {
		t.Errorf("%d key packages", n)
	}
}

// A letter is opened although the disk fails while it is dealt with: at any
// write, with or without an acknowledgement that got lost.
func TestLettersSurviveAFailingDisk(t *testing.T) {
	for n := range 12 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				a, b := join(t, net, "alice", host), join(t, net, "bob", host)
				if n == 0 {
					b.store.Lie()
				} else {
					b.store.FailAt(n)
				}
				id, err := a.CreateGroup(t.Context(), "Group", []account.Address{b.Address()})
				must(t, err)
				must(t, a.ConnectConversation(id))
				pass(time.Minute)
				if b.store.Failures() != 1 {
					t.Fatal("the disk did not fail")
				}
				b.accept()
				a.say(id, "hello")
				pass(time.Minute)
				want(t, "bob", b.texts(id), []string{"hello"})
			})
		})
	}
}

// A lossy store fails at one of its commits, counted down, although it is
// durable.
type lossy struct {
	backend.Store
	left atomic.Int64
}

func (l *lossy) Update(fn func(backend.Tx) error) error {
	err := l.Store.Update(fn)
	if err == nil && l.left.Add(-1) == 0 {
		err = storetest.ErrFault
	}
	return err
}

// Who is let in again follows the conversation, whichever acknowledgement the
// disk loses meanwhile.
func TestLettersSurviveLostAcknowledgements(t *testing.T) {
	for n := range int64(3) {
		t.Run(fmt.Sprint(n+1), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				x := newTrio(t, false)
				disk := &lossy{Store: x.bob.store}
				x.bob.Close()
				x.bob.cfg.Store = disk
				x.bob.open()
				must(t, x.bob.ConnectAll())
				pass(time.Minute)
				must(t, x.alice.Groups().Remove(t.Context(), x.id, []account.Address{x.bob.Address()}))
				pass(time.Minute)
				disk.left.Store(n + 1)
				must(t, x.alice.Groups().Add(t.Context(), x.id, []account.Address{x.bob.Address()}))
				pass(10 * time.Minute)
				if disk.left.Load() > 0 {
					t.Fatal("the disk did not fail")
				}
				x.bob.accept()
				x.alice.say(x.id, "welcome back")
				pass(10 * time.Minute)
				if all := x.bob.texts(x.id); len(all) != 1 {
					t.Errorf("bob has %q", all)
				}
			})
		})
	}
}

// A letter whose tree cannot be fetched yet does not hold up others, is not
// lost, also not by a restart, and is opened in the end: whether or not the
// server that it leads to can be reached.
func TestLettersWaitForTheirTree(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", "there.example")
		people := []*person{a, b}
		for i := range 25 { // so many that the tree has to be fetched
			people = append(people, join(t, net, fmt.Sprintf("other%d", i), host))
		}
		b.way.Partition(host, true)
		net.Server("there.example").SetFaults(fakeserver.Faults{Blob: func(who, method string) error {
			if who == "bob" && method == "fetch" {
				return &protocol.Error{Code: protocol.CodeUnavailable}
			}
			return nil
		}})
		var others []account.Address
		for _, p := range people[1:] {
			others = append(others, p.Address())
		}
		id, err := a.CreateGroup(t.Context(), "Large", others)
		must(t, err)
		must(t, a.ConnectConversation(id))
		c := join(t, net, "carol", "there.example")
		direct := c.begins(b)
		pass(3 * time.Second)
		if _, err := b.Conversation(direct); err != nil {
			t.Errorf("the letter that needs no tree: %v", err)
		}
		if _, err := b.Conversation(id); !errors.Is(err, chat.ErrNoConversation) {
			t.Fatalf("the letter was opened too early: %v", err)
		}
		b.restart()
		must(t, b.Sync(soon(t)))
		net.Server("there.example").SetFaults(fakeserver.Faults{})
		pass(10 * time.Minute)
		if c := b.status(id); c.Status != chat.StatusRequest || c.Confirmed {
			t.Errorf("the request is %v, confirmed %v", c.Status, c.Confirmed)
		}
		if err := b.Accept(t.Context(), id); err == nil {
			t.Error("somebody was let in whom nobody vouched for")
		}
		b.way.Partition(host, false)
		b.accept()
		a.say(id, "hello")
		pass(time.Minute)
		want(t, "bob", b.texts(id), []string{"hello"})
	})
}

// warnings counts what is logged for operators.
type warnings struct{ n atomic.Int64 }

func (*warnings) Debug(string, ...any)  {}
func (w *warnings) Warn(string, ...any) { w.n.Add(1) }
func (*warnings) Error(string, ...any)  {}

// Junk in the mailbox is passed over, logged, and bothers nobody.
func TestJunkLettersArePassedOver(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		var log warnings
		b.cfg.Log = &log
		b.restart()
		for _, junk := range [][]byte{{0}, make([]byte, 2000), make([]byte, protocol.MaxLetter)} {
			net.Server(host).InjectLetter("bob", junk)
		}
		id := group(t, a, b)
		a.say(id, "hello")
		pass(time.Second)
		want(t, "bob", b.texts(id), []string{"hello"})
		if n := net.Server(host).Letters("bob"); n != 0 {
			t.Errorf("%d letters are left on the server", n)
		}
		if f := b.failed(); len(f) > 0 || log.n.Load() != 3 {
			t.Errorf("bob was told of %v; %d warnings were logged", f, log.n.Load())
		}
		b.restart()
		must(t, b.Sync(soon(t)))
	})
}

// The key package of last resort is renewed long before it expires.
func TestLastResortIsRenewed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		for range 14 { // months
			for net.Server(host).KeyPackages("bob") > 0 {
				net.Server(host).TakeKeyPackage("bob")
			}
			b.Close()
			pass(31 * 24 * time.Hour)
			b.open()
			must(t, b.ConnectAll())
			must(t, b.Sync(soon(t)))
		}
		for net.Server(host).KeyPackages("bob") > 0 {
			net.Server(host).TakeKeyPackage("bob")
		}
		id := group(t, a, b)
		a.say(id, "hello")
		pass(time.Second)
		want(t, "bob", b.texts(id), []string{"hello"})
	})
}

// A letter whose number is a lie hides none of the letters after it, and what
// is shown twice is opened once.
func TestNumbersOfLettersHideNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		var log warnings
		b.cfg.Log = &log
		b.restart()
		lies := 0
		net.Server(host).SetFaults(fakeserver.Faults{Event: func(who string, body protocol.Body) ([]protocol.Body, bool) {
			letter, ok := body.(*protocol.Letter)
			if !ok {
				return []protocol.Body{body}, false
			}
			lies++
			lie := *letter
			lie.Seq = 1 << 62
			return []protocol.Body{&lie, &lie, letter}, false
		}})
		net.Server(host).InjectLetter("bob", make([]byte, 2000))
		pass(time.Minute)
		net.Server(host).SetFaults(fakeserver.Faults{})
		if lies != 1 || log.n.Load() != 1 {
			t.Errorf("%d lies; the letter was opened %d times", lies, log.n.Load())
		}
		first := group(t, a, b)
		b.restart()
		pass(time.Minute)
		if n := net.Server(host).Letters("bob"); n != 0 {
			t.Errorf("%d letters are left", n)
		}
		second := group(t, a, b)
		for _, id := range []chat.ConversationID{first, second} {
			a.say(id, "hello")
			pass(time.Second)
			want(t, "bob", b.texts(id), []string{"hello"})
		}
	})
}

// A number that is a lie has no letter deleted that was not delivered.
func TestUndeliveredLettersAreNotDeleted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		hold := true
		var held []protocol.Body
		net.Server(host).SetFaults(fakeserver.Faults{Event: func(who string, body protocol.Body) ([]protocol.Body, bool) {
			letter, ok := body.(*protocol.Letter)
			if !ok || !hold {
				return []protocol.Body{body}, false
			}
			held = append(held, letter) // it is on its way while another one is shown
			return []protocol.Body{&protocol.Letter{Seq: 1 << 62, Letter: make([]byte, 2000)}}, false
		}})
		id, err := a.CreateGroup(t.Context(), "Group", []account.Address{b.Address()})
		must(t, err)
		must(t, a.ConnectConversation(id))
		pass(time.Minute)
		if len(held) != 1 || net.Server(host).Letters("bob") != 1 {
			t.Fatalf("%d letters held, %d on the server", len(held), net.Server(host).Letters("bob"))
		}
		hold = false
		b.restart()
		pass(time.Minute)
		group(t, a, b)
		if c, err := b.Conversation(id); err != nil || net.Server(host).Letters("bob") != 0 {
			t.Errorf("%v, %v, %d letters on the server", c.Status, err, net.Server(host).Letters("bob"))
		}
	})
}

// A disk that fails at any write of signing in keeps the device from it no longer than
// it fails.
func TestSigningInGoesOnWhenTheDiskDoes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		p := join(t, net, "alice", host)
		for n := 1; n <= 6; n++ {
			p.Close()
			p.store.FailAt(n)
			p.open()
			must(t, p.ConnectAll())
			pass(5 * time.Minute)
			must(t, p.Sync(soon(t)))
			p.store.Heal()
		}
		if p.store.Failures() == 0 {
			t.Error("nothing failed")
		}
	})
}
