// SPDX-License-Identifier: AGPL-3.0-or-later

package server_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/bus/local"
	"github.com/securecrypt/securecrypt/server/servertest"
	"github.com/securecrypt/securecrypt/server/store/pebble"
)

func init() {
	server.NewFuzzStore = func(tb testing.TB) server.Store {
		s, err := pebble.OpenMemory()
		if err != nil {
			tb.Fatal(err)
		}
		return s
	}
}

// TestTwoNodesShareAStore posts on one node and listens on another.
func TestTwoNodesShareAStore(t *testing.T) {
	bus := new(local.Bus)
	one := servertest.Start(t, servertest.Options{Memory: true, Host: "shared.example", Change: func(c *server.Config) { c.Bus = bus }})
	two := servertest.Start(t, servertest.Options{Memory: true, Host: "shared.example", Change: func(c *server.Config) { c.Bus, c.Store = bus, one.Store }})
	channel := protocol.ChannelID{1}
	alice, bob := servertest.Dial(t, one), servertest.Dial(t, two)
	alice.Create(channel)
	alice.Open(channel, 0, 0)
	bob.Open(channel, 0, 0)
	servertest.Next[*protocol.CaughtUp](alice)
	servertest.Next[*protocol.CaughtUp](bob)
	for n := range 20 {
		poster := alice
		if n%2 == 1 {
			poster = bob
		}
		poster.Post(channel, 0, fmt.Sprint(n))
	}
	for _, c := range []*servertest.Client{alice, bob} {
		for want := uint64(1); want <= 20; want++ {
			if e := servertest.Next[*protocol.Entry](c); e.Seq != want {
				t.Fatalf("entry %d, want %d", e.Seq, want)
			}
		}
	}
	person, mailbox := servertest.Register(t, two, "bob")
	mailbox.Must(protocol.OpMailboxOpen, &protocol.MailboxOpen{}, &protocol.Empty{})
	servertest.Next[*protocol.MailboxState](mailbox)
	servertest.Dial(t, one).Must(protocol.OpLetterSend, &protocol.LetterSend{Name: "bob", Device: person.Device, Letter: []byte("x")}, &protocol.Empty{})
	servertest.Next[*protocol.Letter](mailbox)
}

// TestOneCommitWins has 16 members commit at once: one is accepted, the others
// learn the epoch and see the same commit.
func TestOneCommitWins(t *testing.T) {
	i := servertest.Start(t, servertest.Options{})
	channel := protocol.ChannelID{1}
	servertest.Dial(t, i).Create(channel)
	var members []*servertest.Client
	for range 16 {
		c := servertest.Dial(t, i)
		c.Open(channel, 0, 0)
		members = append(members, c)
	}
	var mu sync.Mutex
	won := 0
	var wait sync.WaitGroup
	for n, c := range members {
		wait.Go(func() {
			err := c.Do(protocol.OpChannelCommit, &protocol.ChannelCommit{
				Channel: channel, Ciphertext: []byte{byte(n)}, NextKey: servertest.Public(channel, 1),
			}, &protocol.Posted{})
			var refused *protocol.Error
			switch {
			case err == nil:
				mu.Lock()
				won++
				mu.Unlock()
			case !errors.As(err, &refused) || refused.Code != protocol.CodeStaleEpoch || refused.Epoch != 1:
				t.Errorf("refused with %v", err)
			}
		})
	}
	wait.Wait()
	if won != 1 {
		t.Fatalf("%d commits were accepted", won)
	}
	var first *protocol.Entry
	for _, c := range members {
		var e *protocol.Entry
		for e == nil {
			_, body, err := c.Event()
			if err != nil {
				t.Fatal(err)
			}
			e, _ = body.(*protocol.Entry)
		}
		if first == nil {
			first = e
		}
		if e.Seq != 1 || e.Kind != protocol.KindCommit || string(e.Ciphertext) != string(first.Ciphertext) {
			t.Errorf("got %+v", e)
		}
		c.Open(channel, 1, 1)
	}
}

// TestEachEpochShowsItsEntriesAlone opens every epoch of a channel from the
// beginning, and with cursors within.
func TestEachEpochShowsItsEntriesAlone(t *testing.T) {
	i := servertest.Start(t, servertest.Options{})
	channel := protocol.ChannelID{1}
	c := servertest.Dial(t, i)
	c.Create(channel)
	const epochs, each = 7, 3 // messages, then a commit
	last := uint64(0)
	for epoch := range uint64(epochs) {
		c.Open(channel, epoch, last)
		for range each {
			c.Post(channel, epoch, "x")
		}
		last = c.Commit(channel, epoch)
	}
	for epoch := range uint64(epochs) {
		first, end := epoch*(each+1)+1, (epoch+1)*(each+1)
		for after := uint64(0); after <= last+1; after++ {
			reader := servertest.Dial(t, i)
			state := reader.Open(channel, epoch, after)
			if state.Epoch != epochs || state.Last != last {
				t.Fatalf("state %+v", state)
			}
			for want := max(first, after+1); want <= end; want++ {
				if e := servertest.Next[*protocol.Entry](reader); e.Seq != want {
					t.Fatalf("epoch %d after %d: entry %d, want %d", epoch, after, e.Seq, want)
				}
			}
			if got := servertest.Next[*protocol.CaughtUp](reader); got.Seq != end {
				t.Fatalf("epoch %d after %d: caught up with %d, want %d", epoch, after, got.Seq, end)
			}
		}
	}
	c.Open(channel, epochs, last)
	c.Post(channel, epochs-protocol.RecentEpochs, "late")
	c.Refused(protocol.CodeStaleEpoch, protocol.OpChannelPost, &protocol.ChannelPost{Channel: channel, Epoch: epochs - protocol.RecentEpochs - 1, Ciphertext: []byte("x")})
	c.Refused(protocol.CodeStaleEpoch, protocol.OpChannelPost, &protocol.ChannelPost{Channel: channel, Epoch: epochs + 1, Ciphertext: []byte("x")})
}

// TestStoppingAnswersWhatIsUnderWay stops a server that works on posts: each
// one is answered or was not stored.
func TestStoppingAnswersWhatIsUnderWay(t *testing.T) {
	dir := t.TempDir()
	i := servertest.Start(t, servertest.Options{Dir: dir, Host: "stop.example"})
	channel := protocol.ChannelID{1}
	c := servertest.Dial(t, i)
	c.Create(channel)
	c.Open(channel, 0, 0)
	for range 200 {
		if _, err := c.Send(protocol.OpChannelPost, &protocol.ChannelPost{Channel: channel, Ciphertext: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.ReadFrame(); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		i.Stop(t)
	}()
	acked := uint64(0)
	for {
		f, err := c.ReadFrame()
		if err != nil {
			break
		}
		if f.Kind == protocol.KindResponse {
			acked++
		}
	}
	<-stopped
	again := servertest.Start(t, servertest.Options{Dir: dir, Host: "stop.example"})
	if state := servertest.Dial(t, again).Open(channel, 0, 0); state.Last < acked || state.Last > acked+1 {
		t.Errorf("%d stored, %d acknowledged", state.Last, acked)
	}
}

// TestDevicesLearnOfTheChain appends statements on one node: the account's devices are
// told on both, if they asked for it, each time once, and nobody else is.
func TestDevicesLearnOfTheChain(t *testing.T) {
	bus := new(local.Bus)
	one := servertest.Start(t, servertest.Options{Memory: true, Host: "shared.example", Change: func(c *server.Config) { c.Bus = bus }})
	two := servertest.Start(t, servertest.Options{Memory: true, Host: "shared.example", Change: func(c *server.Config) { c.Bus, c.Store = bus, one.Store }})
	alice, first := servertest.Register(t, one, "alice")
	_, stranger := servertest.Register(t, one, "bob")
	chain := alice.Chain(t)
	laptop, request := chain.AddDevice(alice)
	first.Must(protocol.OpAccountAppend, request, &protocol.Empty{})
	second, older := servertest.Dial(t, two), servertest.Dial(t, two)
	second.Must(protocol.OpAuthenticate, laptop.Authentication(second), &protocol.Empty{})
	older.Must(protocol.OpAuthenticate, laptop.Authentication(older), &protocol.Empty{})
	for c, asks := range map[*servertest.Client]bool{first: true, second: true, stranger: true, older: false} {
		c.Must(protocol.OpMailboxOpen, &protocol.MailboxOpen{Chain: asks}, &protocol.Empty{})
		servertest.Next[*protocol.MailboxState](c)
	}
	phone, request := chain.AddDevice(laptop)
	for range 2 { // the second time its answer may have been lost: nothing has changed
		servertest.Dial(t, one).Must(protocol.OpAccountAppend, request, &protocol.Empty{})
	}
	for _, c := range []*servertest.Client{first, second} {
		if kind, _, err := c.Event(); kind != protocol.EventAccountChanged || err != nil {
			t.Fatalf("event %d, %v", kind, err)
		}
		c.Quiet()
	}
	for _, c := range []*servertest.Client{stranger, older} {
		c.Quiet()
	}
	second.Must(protocol.OpAccountAppend, chain.Revoke(laptop, phone), &protocol.Empty{})
	for _, c := range []*servertest.Client{first, second} {
		if kind, _, err := c.Event(); kind != protocol.EventAccountChanged || err != nil {
			t.Fatalf("event %d after a revocation, %v", kind, err)
		}
	}
}
