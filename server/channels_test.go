// SPDX-License-Identifier: AGPL-3.0-or-later

package server_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// gatedStore holds the next update after hold back until its gate is open.
type gatedStore struct {
	server.Store
	hold          atomic.Bool
	arrived, gate chan struct{}
}

func (g *gatedStore) Update(ctx context.Context, fn func(server.WriteTx) error) error {
	err := g.Store.Update(ctx, fn)
	if g.hold.CompareAndSwap(true, false) {
		g.arrived <- struct{}{}
		<-g.gate
	}
	return err
}

// TestEntriesOfGonePostersAreDelivered opens a channel while an entry of somebody
// whose connection has ended is being stored.
func TestEntriesOfGonePostersAreDelivered(t *testing.T) {
	store := &gatedStore{arrived: make(chan struct{}), gate: make(chan struct{})}
	i := servertest.Start(t, servertest.Options{Memory: true, Store: func(s server.Store) server.Store {
		store.Store = s
		return store
	}})
	channel := protocol.ChannelID{1}
	poster := servertest.Dial(t, i)
	poster.Create(channel)
	poster.Open(channel, 0, 0)
	store.hold.Store(true)
	if _, err := poster.Send(protocol.OpChannelPost, &protocol.ChannelPost{Channel: channel, Ciphertext: []byte("last words")}); err != nil {
		t.Fatal(err)
	}
	<-store.arrived
	if err := poster.Conn.Close(); err != nil {
		t.Fatal(err)
	}
	for i.Connections(t) > 0 {
		time.Sleep(time.Millisecond)
	}
	reader := servertest.Dial(t, i)
	reader.Open(channel, 0, 0) // what it reads may have the entry, or not yet
	close(store.gate)
	for {
		if _, event, err := reader.Event(); err != nil {
			t.Fatalf("the entry never came: %v", err)
		} else if e, ok := event.(*protocol.Entry); ok && string(e.Ciphertext) == "last words" {
			return
		}
	}
}

// TestDeliveryFollowsCredit delivers as much as the client has room for.
func TestDeliveryFollowsCredit(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	channel := protocol.ChannelID{1}
	poster, reader := servertest.Dial(t, i), servertest.Dial(t, i)
	poster.Create(channel)
	poster.Open(channel, 0, 0)
	open := func(upTo uint64) {
		body := reader.OpenBody(channel, 0, 0)
		body.UpTo = upTo
		reader.Must(protocol.OpChannelOpen, body, &protocol.ChannelState{})
	}
	grant := func(upTo uint64) {
		reader.Must(protocol.OpChannelGrant, &protocol.ChannelGrant{Channel: channel, UpTo: upTo}, &protocol.Empty{})
	}
	entries := func(from, to uint64) {
		t.Helper()
		for want := from; want <= to; want++ {
			if e := servertest.Next[*protocol.Entry](reader); e.Seq != want {
				t.Fatalf("entry %d, want %d", e.Seq, want)
			}
		}
	}
	for range 5 {
		poster.Post(channel, 0, "x")
	}
	open(3) // of a backlog
	entries(1, 3)
	reader.Quiet()
	grant(2) // lower than before
	reader.Quiet()
	grant(5)
	entries(4, 5)
	servertest.Next[*protocol.CaughtUp](reader)
	poster.Post(channel, 0, "x") // beyond the credit, as it is stored
	reader.Quiet()
	grant(8)
	entries(6, 6)
	poster.Post(channel, 0, "x")
	entries(7, 7)
	for range 3 {
		poster.Post(channel, 0, "x")
	}
	entries(8, 8)
	reader.Quiet()
	open(1 << 62)
	entries(1, 10)
	servertest.Next[*protocol.CaughtUp](reader)
	reader.Refused(protocol.CodeForbidden, protocol.OpChannelGrant, &protocol.ChannelGrant{Channel: protocol.ChannelID{2}})
}

func TestMembersDeleteChannels(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	channel := protocol.ChannelID{1}
	member, other, stranger := servertest.Dial(t, i), servertest.Dial(t, i), servertest.Dial(t, i)
	member.Create(channel)
	member.Open(channel, 0, 0)
	other.Open(channel, 0, 0)
	member.Post(channel, 0, "x")
	remove := &protocol.ChannelDelete{Channel: channel}
	stranger.Refused(protocol.CodeForbidden, protocol.OpChannelDelete, remove)
	member.Commit(channel, 0)
	other.Refused(protocol.CodeStaleEpoch, protocol.OpChannelDelete, remove)
	member.Open(channel, 1, 2)
	member.Must(protocol.OpChannelDelete, remove, &protocol.Empty{})
	member.Must(protocol.OpChannelDelete, remove, &protocol.Empty{}) // again, as its answer may be lost
	member.Refused(protocol.CodeForbidden, protocol.OpChannelPost, &protocol.ChannelPost{Channel: channel, Epoch: 1, Ciphertext: []byte("x")})
	other.Refused(protocol.CodeForbidden, protocol.OpChannelOpen, other.OpenBody(channel, 1, 0))
	member.Create(channel) // the identifier is free
	if state := member.Open(channel, 0, 0); state.Last != 0 {
		t.Errorf("state %+v", state)
	}
}

// countingStore counts views.
type countingStore struct {
	gatedStore
	views atomic.Int64
}

func (c *countingStore) View(ctx context.Context, fn func(server.ReadTx) error) error {
	c.views.Add(1)
	return c.gatedStore.View(ctx, fn)
}

// TestDeletedChannelsLeaveNoReader deletes a channel while one of its entries is
// being stored, and makes it again: who opens it reads once, and then waits.
func TestDeletedChannelsLeaveNoReader(t *testing.T) {
	store := &countingStore{gatedStore: gatedStore{arrived: make(chan struct{}), gate: make(chan struct{})}}
	i := servertest.Start(t, servertest.Options{Memory: true, Store: func(s server.Store) server.Store {
		store.Store = s
		return store
	}})
	channel := protocol.ChannelID{1}
	poster, other := servertest.Dial(t, i), servertest.Dial(t, i)
	poster.Create(channel)
	poster.Open(channel, 0, 0)
	other.Open(channel, 0, 0)
	store.hold.Store(true)
	id, err := poster.Send(protocol.OpChannelPost, &protocol.ChannelPost{Channel: channel, Ciphertext: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	<-store.arrived
	other.Must(protocol.OpChannelDelete, &protocol.ChannelDelete{Channel: channel}, &protocol.Empty{})
	close(store.gate)
	if err := poster.Answer(id, &protocol.Posted{}); err != nil {
		t.Fatal(err)
	}
	other.Create(channel)
	other.Forget()
	other.Open(channel, 0, 0)
	servertest.Next[*protocol.CaughtUp](other)
	before := store.views.Load()
	for range 100 {
		other.Must(protocol.OpWakeForget, &protocol.WakeForget{}, &protocol.Empty{})
	}
	if views := store.views.Load() - before; views > 10 {
		t.Errorf("the store was read %d times for nothing", views)
	}
	poster.Open(channel, 0, 0)
	poster.Post(channel, 0, "y")
	if e := servertest.Next[*protocol.Entry](other); e.Seq != 1 || string(e.Ciphertext) != "y" {
		t.Errorf("entry %d %q", e.Seq, e.Ciphertext)
	}
}

// TestUnusedChannelsEnd moves the clock: a channel that never had an entry ends
// after days, others after months, if nobody opens them.
func TestUnusedChannelsEnd(t *testing.T) {
	clock := newClock()
	i := servertest.Start(t, servertest.Options{Memory: true, Change: func(c *server.Config) { c.Now = clock.now }})
	empty, quiet, opened := protocol.ChannelID{1}, protocol.ChannelID{2}, protocol.ChannelID{3}
	member := servertest.Dial(t, i)
	for _, id := range []protocol.ChannelID{empty, quiet, opened} {
		member.Create(id)
		member.Open(id, 0, 0)
		if id != empty {
			member.Post(id, 0, "x")
		}
	}
	pass := func(d time.Duration) {
		clock.pass(d)
		i.Server.Tidy(t.Context())
	}
	exists := func(id protocol.ChannelID) bool {
		err := servertest.Dial(t, i).Do(protocol.OpChannelCreate, &protocol.ChannelCreate{Channel: id, Key: servertest.Public(id, 0)}, &protocol.Empty{})
		return errors.Is(err, &protocol.Error{Code: protocol.CodeExists})
	}
	day := 24 * time.Hour
	pass(time.Hour)
	if !exists(empty) {
		t.Error("an empty channel is gone after an hour")
	}
	pass(4 * day)
	if exists(empty) || !exists(quiet) {
		t.Error("after days, the empty channel alone is to be gone")
	}
	pass(120 * day)
	servertest.Dial(t, i).Open(opened, 0, 0)
	pass(time.Minute)
	pass(70 * day)
	if exists(quiet) || !exists(opened) {
		t.Error("after half a year, the channel that nobody opened alone is to be gone")
	}
}

// TestMembersTakeTurnsWithCommits has one member make commits without pause;
// another one, who hears of each a little later, still gets one through.
func TestMembersTakeTurnsWithCommits(t *testing.T) {
	clock := newClock()
	i := servertest.Start(t, servertest.Options{Memory: true, Limits: unlifted, Change: func(c *server.Config) { c.Now = clock.now }})
	channel := protocol.ChannelID{1}
	mallory, owner := servertest.Dial(t, i), servertest.DialFrom(t, i, "127.0.0.2")
	mallory.Create(channel)
	mallory.Open(channel, 0, 0)
	epoch := uint64(0)
	commit := func(c *servertest.Client) error {
		return c.Do(protocol.OpChannelCommit, &protocol.ChannelCommit{Channel: channel, Epoch: epoch, Ciphertext: []byte("x"), NextKey: servertest.Public(channel, epoch+1)}, &protocol.Posted{})
	}
	flood := func() (n int) {
		for commit(mallory) == nil {
			n++
			epoch++
			mallory.Open(channel, epoch, 0)
			mallory.Forget()
		}
		mallory.Open(channel, epoch, 0) // behind a refusal nothing is taken
		mallory.Forget()
		return n
	}
	if n := flood(); n != 16 {
		t.Errorf("%d commits at once", n)
	}
	clock.pass(50 * time.Millisecond)
	if n := flood(); n != 0 {
		t.Errorf("%d more before their time", n)
	}
	owner.Open(channel, epoch, 0)
	if err := commit(owner); err != nil {
		t.Errorf("the owner's commit: %v", err)
	}
	if err := commit(mallory); !errors.Is(err, &protocol.Error{Code: protocol.CodeStaleEpoch}) {
		t.Errorf("a commit of the epoch that the owner ended: %v", err)
	}
}
