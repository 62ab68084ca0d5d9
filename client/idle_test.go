// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// idle has mallory make a commit without a purpose, next to the server.
func (x *trio) idle(t *testing.T) error {
	t.Helper()
	entry, next, err := x.mallory.ForgeAll(x.id, mls.CommitOptions{Now: time.Now()})
	must(t, err)
	return x.net.Server(host).Commit(x.channel, entry, next)
}

// flood has mallory try 300 commits without a purpose at 25 a second, until she
// is out. A while after its beginning, meanwhile is called.
func (x *trio) flood(t *testing.T, meanwhile func()) (made int) {
	t.Helper()
	s := x.net.Server(host)
	entry, next, err := x.mallory.ForgeAll(x.id, mls.CommitOptions{Now: time.Now()})
	must(t, err)
	for i := range 300 {
		if i == 5 {
			meanwhile()
		}
		switch err := s.Commit(x.channel, entry, next); {
		case err == nil:
			made++
			entry, next, err = x.mallory.ForgeAll(x.id, mls.CommitOptions{Now: time.Now()})
			must(t, err)
		case errors.Is(err, &protocol.Error{Code: protocol.CodeStaleEpoch}):
			return made
		}
		pass(40 * time.Millisecond)
	}
	return made
}

func (x *trio) isIn(t *testing.T, p *person, who account.Address) bool {
	t.Helper()
	members, err := p.Groups().Members(x.id)
	must(t, err)
	return slices.ContainsFunc(members, func(m chat.Member) bool { return m.Address == who })
}

// Where the server has members take turns, neither the removal nor a message
// waits for the end of a flood of commits, and the removal comes first.
func TestRemovalsWinAgainstFloodsOfCommits(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		x.net.Server(host).ShareCommits()
		x.alice.way.Delay(50 * time.Millisecond)
		x.bob.way.Delay(50 * time.Millisecond)
		x.alice.restart()
		x.bob.restart()
		must(t, x.alice.Sync(soon(t)))
		must(t, x.bob.Sync(soon(t)))
		x.mallory.Close()
		x.mallory.open() // off line: her client does what the test says
		began := time.Now()
		made := x.flood(t, func() {
			x.alice.say(x.id, "careful, she reads this no more")
			must(t, x.alice.Groups().Remove(t.Context(), x.id, []account.Address{x.mallory.Address()}))
		})
		took := time.Since(began)
		pass(time.Minute)
		want(t, "bob", x.bob.texts(x.id), []string{"careful, she reads this no more"})
		heard := x.bob.history(x.id)[0].ReceivedAt.Sub(began)
		t.Logf("%d commits without a purpose were made in %v; then mallory was out, and bob heard alice after %v", made, took, heard)
		if took > 6*time.Second || heard > 6*time.Second {
			t.Errorf("the removal took %v, the message %v", took, heard)
		}
		for _, p := range []*person{x.alice, x.bob} {
			if x.isIn(t, p, x.mallory.Address()) {
				t.Errorf("%v still has mallory in the group", p.Address())
			}
		}
		x.talks(t)
	})
}

// A member who keeps making commits without a purpose is removed by any other
// member's client: that needs no role, and nobody has to ask for it.
func TestWhoDisturbsIsRemovedByAnybody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		carol := join(t, x.net, "carol", host)
		must(t, x.alice.Groups().Add(t.Context(), x.id, []account.Address{carol.Address()}))
		pass(time.Minute)
		carol.accept()
		pass(time.Minute)
		x.mallory.restart() // she learns of carol
		pass(time.Minute)
		x.alice.way.Partition("", true) // the owner is away
		x.mallory.Close()
		x.mallory.open()
		for range 4 {
			must(t, x.idle(t))
			pass(time.Minute)
		}
		if !x.isIn(t, x.bob, x.mallory.Address()) {
			t.Fatal("mallory was removed for renewing her keys")
		}
		must(t, x.idle(t))
		pass(time.Minute)
		x.alice.way.Partition("", false)
		pass(10 * time.Minute)
		for _, p := range []*person{x.alice, x.bob, carol} {
			if conv := p.status(x.id); conv.Status != chat.StatusActive || x.isIn(t, p, x.mallory.Address()) {
				t.Errorf("%v: %v (%q), mallory in it: %v", p.Address(), conv.Status, conv.Reason.Text, x.isIn(t, p, x.mallory.Address()))
			}
			if f := p.failed(); len(f) > 0 {
				t.Errorf("%v was told of %v", p.Address(), f)
			}
		}
		x.talks(t)
	})
}

// Commits with a purpose between them make commits without one no disturbance,
// for those who joined meanwhile as for all.
func TestRenewedKeysDisturbNobody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		for i, title := range []string{"One", "Two", "Three"} {
			x.mallory.Close()
			x.mallory.open()
			for range 3 {
				must(t, x.idle(t))
				pass(time.Minute)
			}
			must(t, x.mallory.ConnectAll())
			must(t, x.alice.Groups().Rename(t.Context(), x.id, title))
			pass(time.Minute)
			if i == 0 {
				carol := join(t, x.net, "carol", host)
				must(t, x.alice.Groups().Add(t.Context(), x.id, []account.Address{carol.Address()}))
				pass(time.Minute)
			}
		}
		for _, p := range []*person{x.alice, x.bob, x.mallory} {
			if conv := p.status(x.id); conv.Status != chat.StatusActive || conv.Title != "Three" || conv.Members != 4 {
				t.Errorf("%v: %v, %q, %d members", p.Address(), conv.Status, conv.Title, conv.Members)
			}
		}
		x.talks(t)
	})
}
