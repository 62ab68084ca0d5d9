// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/protocol"
)

// entry is something that a member seals and its client would not.
func (x *trio) entry(t *testing.T, p *person, kind protocol.EntryKind, payload envelope.Payload) protocol.Entry {
	t.Helper()
	e, err := p.Enclose(x.id, kind, payload)
	must(t, err)
	return e
}

// A message that points to a blob is not a message: nothing is downloaded for
// it, and it delays nobody.
func TestMessagesThatLieElsewhereAreNotFetched(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		s := x.net.Server(host)
		other := group(t, x.alice, x.bob)
		s.SetFaults(fakeserver.Faults{BlobDelay: 10 * time.Second})
		blob := protocol.BlobID{1}
		s.Store(blob, make([]byte, 4<<20))
		before := s.Fetched()
		size := 0
		for range 300 {
			e := x.entry(t, x.mallory, protocol.KindMessage, envelope.Payload{Stash: &envelope.Stash{Blob: blob, Size: 4<<20 - 100}})
			s.Inject(x.channel, e, nil)
			size += len(e.Ciphertext)
		}
		x.alice.say(other, "hello")
		took := within(t, x.bob, other, "hello", 10*time.Minute)
		pass(10 * time.Minute)
		fetched := s.Fetched() - before
		t.Logf("300 entries, %d bytes: %d bytes downloaded; another conversation's message took %v", size, fetched, took)
		if fetched != 0 || took > 500*time.Millisecond {
			t.Errorf("%d bytes downloaded, another conversation's message took %v", fetched, took)
		}
		x.talks(t)
	})
}

// While a commit is downloaded, at most once at a time, other conversations and
// lookups at that server go on, and what waits is bounded.
func TestDownloadHoldsUpItsConversationAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		s := x.net.Server(host)
		carol := join(t, x.net, "carol", host)
		other := group(t, x.alice, x.bob)
		s.SetFaults(fakeserver.Faults{BlobDelay: 50 * time.Second})
		blob := protocol.BlobID{1}
		s.Store(blob, make([]byte, 1<<20))
		before := s.Fetched()
		s.InjectRaw(x.channel, x.entry(t, x.mallory, protocol.KindCommit, envelope.Payload{Stash: &envelope.Stash{Blob: blob, Size: 1<<20 - 100}}))
		for range 1000 {
			s.InjectRaw(x.channel, protocol.Entry{Epoch: s.Epoch(x.channel), Ciphertext: make([]byte, 100<<10)})
		}
		pass(time.Second)
		x.bob.way.Cut(host) // and the commit is asked for again
		x.alice.say(other, "hello")
		took := within(t, x.bob, other, "hello", 10*time.Minute)
		began := time.Now()
		_, err := x.bob.People().Resolve(t.Context(), carol.Address())
		must(t, err)
		looked := time.Since(began)
		t.Logf("during the download: another conversation's message took %v, a lookup %v, %d bytes waited", took, looked, x.bob.Waiting())
		if took > 2*time.Second || looked > time.Second {
			t.Errorf("another conversation's message took %v, a lookup %v", took, looked)
		}
		if n := x.bob.Waiting(); n > 17<<20 {
			t.Errorf("%d bytes wait", n)
		}
		pass(40 * time.Second)
		if n := s.Fetched() - before; n > 4<<20 {
			t.Errorf("%d bytes downloaded for one commit of 1 MiB by two people", n)
		}
	})
}

// A commit that is larger than one of its group can be is not downloaded, and
// one that stops coming is given up and asked for again.
func TestCommitsElsewhereAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		s := x.net.Server(host)
		blob := protocol.BlobID{1}
		s.Store(blob, make([]byte, 8<<20))
		before := s.Fetched()
		s.InjectRaw(x.channel, x.entry(t, x.mallory, protocol.KindCommit, envelope.Payload{Stash: &envelope.Stash{Blob: blob, Size: 2 << 20}}))
		pass(time.Minute)
		if n := s.Fetched() - before; n != 0 {
			t.Errorf("%d bytes downloaded", n)
		}
		x.stopped(t, x.bob, nil)
	})
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		s := x.net.Server(host)
		tries := 0
		s.SetFaults(fakeserver.Faults{BlobDelay: time.Hour, Blob: func(who, method string) error {
			if who == "bob" && method == "fetch" {
				tries++
			}
			return nil
		}})
		s.Store(protocol.BlobID{1}, make([]byte, 1000))
		s.InjectRaw(x.channel, x.entry(t, x.mallory, protocol.KindCommit, envelope.Payload{Stash: &envelope.Stash{Blob: protocol.BlobID{1}, Size: 500}}))
		pass(5*time.Minute + 30*time.Second)
		if tries < 3 || tries > 6 {
			t.Errorf("a download that stands still was begun %d times in five minutes", tries)
		}
		if c := x.bob.status(x.id); c.Status != chat.StatusActive {
			t.Errorf("%v: %v", c.Status, c.Reason)
		}
	})
}
