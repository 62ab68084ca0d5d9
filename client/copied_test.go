// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/client/store/storetest"
)

// copied returns a second copy of a person's profile, as it is now, that is not
// connected yet.
func (p *person) copied(t *testing.T, way string, x *trio) *person {
	t.Helper()
	to := memory.New()
	must(t, p.store.View(func(from backend.Tx) error {
		return to.Update(func(tx backend.Tx) error {
			return from.Scan(nil, nil, false, func(key, value []byte) (bool, error) { return true, tx.Put(key, value) })
		})
	}))
	q := &person{t: t, store: storetest.NewFaulty(to), way: x.net.Transport(way)}
	q.cfg = p.cfg
	q.cfg.Store, q.cfg.Transport, q.cfg.OnEvent = q.store, q.way, q.note
	return q
}

// isCopied reports whether somebody was told that the profile is used twice.
func (p *person) isCopied() bool {
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	return errors.Is(p.Sync(ctx), chat.ErrProfileCopied)
}

// A copy of a profile that is used beside it is noticed before it encrypts
// anything, and both stop until a person has chosen.
func TestProfileRunsTwice(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, true)
		laptop := x.alice.copied(t, "laptop", x)
		x.alice.restart()
		x.alice.say(x.id, "A1")
		pass(time.Minute)
		laptop.open()
		must(t, laptop.ConnectAll())
		laptop.say(x.id, "L1")
		pass(time.Minute)
		x.alice.say(x.id, "A2")
		pass(time.Minute)
		want(t, "bob", x.bob.texts(x.id), []string{"A1"})
		for name, p := range map[string]*person{"the first": x.alice, "the copy": laptop} {
			if !p.isCopied() {
				t.Errorf("%s is not told", name)
			}
		}
		must(t, x.alice.Account().TakeOver(soon(t)))
		pass(time.Minute)
		want(t, "bob", x.bob.texts(x.id), []string{"A1", "A2"})
		laptop.Close()
		laptop.open()
		must(t, laptop.ConnectAll())
		laptop.say(x.id, "L2")
		pass(time.Minute)
		if !laptop.isCopied() {
			t.Error("the copy is let in after the first one went on")
		}
		want(t, "bob", x.bob.texts(x.id), []string{"A1", "A2"})
	})
}

// An older backup of a profile that is put back goes on where nothing was
// written since, and says where it cannot.
func TestProfileIsPutBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, true)
		other, err := x.alice.CreateGroup(t.Context(), "Quiet", []account.Address{x.bob.Address()})
		must(t, err)
		must(t, x.alice.ConnectConversation(other))
		pass(time.Minute)
		x.bob.accept()
		pass(time.Minute)
		must(t, x.alice.Groups().SetRole(t.Context(), x.id, x.bob.Address(), chat.RoleOwner))
		pass(time.Minute)
		old := x.alice.copied(t, "alice", x)
		x.alice.restart()
		x.alice.say(x.id, "one")
		pass(time.Minute)
		x.alice.Close()
		x.bob.say(other, "from bob")
		old.open()
		must(t, old.ConnectAll())
		old.say(x.id, "two")
		old.say(other, "three")
		pass(time.Minute)
		if !old.isCopied() {
			t.Fatal("the old profile is not told")
		}
		must(t, old.Account().TakeOver(soon(t)))
		pass(time.Minute)
		want(t, "bob", x.bob.texts(other), []string{"from bob", "three"})
		if c := old.status(x.id); c.Status != chat.StatusLost {
			t.Errorf("where the newer profile wrote: %s", c.Status)
		}
		old.Close()
		must(t, x.bob.Groups().SetRole(t.Context(), x.id, old.Address(), chat.RoleMember))
		pass(time.Minute)
		must(t, x.bob.Groups().Remove(t.Context(), x.id, []account.Address{old.Address()}))
		must(t, x.bob.Groups().Add(t.Context(), x.id, []account.Address{old.Address()}))
		pass(time.Minute)
		old.open()
		must(t, old.ConnectAll())
		pass(time.Minute)
		old.say(x.id, "back")
		pass(time.Minute)
		if got := x.bob.texts(x.id); count(got, "back") != 1 {
			t.Errorf("bob has %q; %v", got, old.status(x.id))
		}
	})
}

// A server that lost everything registers the account again with its keys.
func TestServerLosesAccounts(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, true)
		x.net.Server(host).Lose()
		pass(time.Minute)
		for _, p := range []*person{x.alice, x.bob, x.mallory} {
			if err := p.Sync(soon(t)); !errors.Is(err, chat.ErrNoAccount) {
				t.Errorf("%s is told %v", p.Address(), err)
			}
			must(t, p.Account().RegisterAgain(soon(t), ""))
		}
		pass(20 * time.Minute)
		x.talks(t)
		if n := x.net.Server(host).KeyPackages("alice"); n == 0 {
			t.Error("alice has no key packages there")
		}
		carol := join(t, x.net, "carol", host)
		id := carol.begins(x.bob)
		carol.say(id, "hello")
		pass(time.Minute)
		x.bob.accept()
		pass(time.Minute)
		want(t, "bob", x.bob.texts(id), []string{"hello"})
	})
}
