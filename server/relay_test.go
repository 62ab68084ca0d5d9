// SPDX-License-Identifier: AGPL-3.0-or-later

package server_test

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/servertest"
)

func TestMembersGetWhatIsPosted(t *testing.T) {
	i := servertest.Start(t, servertest.Options{})
	channel := protocol.ChannelID{1}
	alice, bob := servertest.Dial(t, i), servertest.Dial(t, i)
	alice.Create(channel)
	alice.Open(channel, 0, 0)
	servertest.Next[*protocol.CaughtUp](alice)
	if seq := alice.Post(channel, 0, "one"); seq != 1 {
		t.Fatalf("first entry has number %d", seq)
	}
	if state := bob.Open(channel, 0, 0); state.Last != 1 {
		t.Fatalf("state %+v", state)
	}
	if e := servertest.Next[*protocol.Entry](bob); string(e.Ciphertext) != "one" || e.Seq != 1 {
		t.Fatalf("got %+v", e)
	}
	if c := servertest.Next[*protocol.CaughtUp](bob); c.Seq != 1 {
		t.Fatalf("caught up with %d", c.Seq)
	}
	for n := range 50 {
		bob.Post(channel, 0, fmt.Sprint(n))
	}
	for _, c := range []*servertest.Client{alice, bob} {
		want := uint64(2)
		if c == alice {
			want = 1
		}
		for ; want <= 51; want++ {
			if e := servertest.Next[*protocol.Entry](c); e.Seq != want {
				t.Fatalf("entry %d, want %d", e.Seq, want)
			}
		}
	}
}

// More than is read at a time, of a channel that nobody had open.
func TestLongBacklogIsDelivered(t *testing.T) {
	const entries = 50
	i := servertest.Start(t, servertest.Options{})
	channel := protocol.ChannelID{1}
	alice, bob := servertest.Dial(t, i), servertest.Dial(t, i)
	alice.Create(channel)
	alice.Open(channel, 0, 0)
	text := strings.Repeat("x", 32<<10)
	for range entries {
		alice.Post(channel, 0, text)
	}
	alice.Must(protocol.OpChannelClose, &protocol.ChannelClose{Channel: channel}, &protocol.Empty{})
	bob.Open(channel, 0, 0)
	for want := uint64(1); want <= entries; want++ {
		if e := servertest.Next[*protocol.Entry](bob); e.Seq != want {
			t.Fatalf("entry %d, want %d", e.Seq, want)
		}
	}
	if c := servertest.Next[*protocol.CaughtUp](bob); c.Seq != entries {
		t.Fatalf("caught up with %d", c.Seq)
	}
}

func TestRemovedMembersSeeTheCommitAndNothingAfterIt(t *testing.T) {
	i := servertest.Start(t, servertest.Options{})
	channel := protocol.ChannelID{1}
	alice, mallory := servertest.Dial(t, i), servertest.Dial(t, i)
	alice.Create(channel)
	alice.Open(channel, 0, 0)
	mallory.Open(channel, 0, 0)
	servertest.Next[*protocol.CaughtUp](mallory)
	alice.Post(channel, 0, "before")
	commit := alice.Commit(channel, 0)
	alice.Open(channel, 1, commit)
	alice.Post(channel, 1, "after")
	alice.Post(channel, 0, "made before the commit")

	for want := uint64(1); want <= commit; want++ {
		if e := servertest.Next[*protocol.Entry](mallory); e.Seq != want {
			t.Fatalf("entry %d, want %d", e.Seq, want)
		}
	}
	mallory.Refused(protocol.CodeStaleEpoch, protocol.OpChannelPost, &protocol.ChannelPost{Channel: channel, Epoch: 0, Ciphertext: []byte("x")})
	mallory.Refused(protocol.CodeStaleEpoch, protocol.OpChannelPost, &protocol.ChannelPost{Channel: channel, Epoch: 1, Ciphertext: []byte("x")})
	mallory.Refused(protocol.CodeStaleEpoch, protocol.OpChannelCommit, &protocol.ChannelCommit{Channel: channel, Epoch: 1, Ciphertext: []byte("x")})
	mallory.Quiet()
	wrong := mallory.OpenBody(channel, 0, 0)
	wrong.Epoch = 1
	mallory.Refused(protocol.CodeForbidden, protocol.OpChannelOpen, wrong)

	// Opening the old epoch again yields the same and no more.
	mallory.Open(channel, 0, 0)
	for want := uint64(1); want <= commit; want++ {
		if e := servertest.Next[*protocol.Entry](mallory); e.Seq != want {
			t.Fatalf("entry %d, want %d", e.Seq, want)
		}
	}
	if c := servertest.Next[*protocol.CaughtUp](mallory); c.Seq != commit {
		t.Fatalf("caught up with %d", c.Seq)
	}
	alice.Post(channel, 1, "later")
	mallory.Quiet()
}

func TestLettersArriveOnceAndInOrder(t *testing.T) {
	i := servertest.Start(t, servertest.Options{})
	p, bob := servertest.Register(t, i, "bob")
	alice := servertest.Dial(t, i)
	send := func(id byte, text string) error {
		return alice.Do(protocol.OpLetterSend, &protocol.LetterSend{Name: "bob", Device: p.Device, Letter: []byte(text), ID: [16]byte{id}}, &protocol.Empty{})
	}
	for range 2 {
		if err := send(1, "first"); err != nil {
			t.Fatal(err)
		}
	}
	bob.Must(protocol.OpMailboxOpen, &protocol.MailboxOpen{}, &protocol.Empty{})
	if l := servertest.Next[*protocol.Letter](bob); l.Seq != 1 || string(l.Letter) != "first" {
		t.Fatalf("got %+v", l)
	}
	servertest.Next[*protocol.MailboxState](bob)
	if err := send(2, "second"); err != nil {
		t.Fatal(err)
	}
	if l := servertest.Next[*protocol.Letter](bob); l.Seq != 2 {
		t.Fatalf("got %+v", l)
	}
	bob.Must(protocol.OpMailboxDelete, &protocol.MailboxDelete{UpTo: 1}, &protocol.Empty{})
	bob.Must(protocol.OpMailboxOpen, &protocol.MailboxOpen{}, &protocol.Empty{})
	if l := servertest.Next[*protocol.Letter](bob); l.Seq != 2 {
		t.Fatalf("got %+v", l)
	}
}

func TestKeyPackagesAreTakenOnce(t *testing.T) {
	i := servertest.Start(t, servertest.Options{})
	_, bob := servertest.Register(t, i, "bob")
	var status protocol.KeyPackagesStatus
	bob.Must(protocol.OpKeyPackagesPublish, &protocol.KeyPackagesPublish{KeyPackages: [][]byte{[]byte("a"), []byte("b")}, LastResort: []byte("last")}, &status)
	if status != (protocol.KeyPackagesStatus{Count: 2, LastResort: true}) {
		t.Fatalf("status %+v", status)
	}
	alice := servertest.Dial(t, i)
	for _, want := range []string{"a", "b", "last", "last"} {
		var got protocol.KeyPackages
		alice.Must(protocol.OpKeyPackagesTake, &protocol.KeyPackagesTake{Name: "bob"}, &got)
		if len(got.KeyPackages) != 1 || string(got.KeyPackages[0].KeyPackage) != want {
			t.Fatalf("got %+v, want %s", got, want)
		}
	}
	bob.Refused(protocol.CodeIdentified, protocol.OpKeyPackagesTake, &protocol.KeyPackagesTake{Name: "bob"})
	alice.Refused(protocol.CodeUnauthenticated, protocol.OpKeyPackagesStatus, &protocol.Empty{})
}

// What was posted in one go is stored in its order or not: behind something
// that was refused an opening takes nothing, until the channel is opened again.
func TestRefusedPostsKeepTheirOrder(t *testing.T) {
	many := fairness.Rate{Burst: 1e6, PerSecond: 1e6}
	limits := map[string]func(l *fairness.Limits){
		"bytes":    func(l *fairness.Limits) { l.PostBytes = fairness.Rate{Burst: 4096, PerSecond: 4096} },
		"requests": func(l *fairness.Limits) { l.PostBytes, l.Request = many, fairness.Rate{Burst: 8, PerSecond: 100} },
	}
	for name, change := range limits {
		t.Run(name, func(t *testing.T) {
			var seconds atomic.Int64
			start := time.Now()
			i := servertest.Start(t, servertest.Options{Memory: true, Limits: change, Change: func(c *server.Config) {
				c.Now = func() time.Time { return start.Add(time.Duration(seconds.Load()) * time.Second) }
			}})
			channel := protocol.ChannelID{1}
			c := servertest.Dial(t, i)
			c.Create(channel)
			const n = 20
			next, refusals := 0, 0
			for ; next < n; seconds.Add(1) {
				c.Open(channel, 0, 1000)
				ids := make([]uint64, 0, n)
				for k := next; k < n; k++ {
					// The first is the largest, so that those behind it had room.
					id, err := c.Send(protocol.OpChannelPost, &protocol.ChannelPost{Channel: channel, Ciphertext: append([]byte{byte(k)}, make([]byte, 40*(n-k))...)})
					if err != nil {
						t.Fatal(err)
					}
					ids = append(ids, id)
				}
				accepted := map[uint64]bool{}
				for len(accepted) < len(ids) {
					f, err := c.ReadFrame()
					if err != nil {
						t.Fatal(err)
					}
					if f.Kind != protocol.KindEvent {
						accepted[f.ID] = f.Kind == protocol.KindResponse
					}
				}
				refused := false
				for _, id := range ids {
					if refused && accepted[id] {
						t.Fatal("something behind a refusal was stored")
					}
					if refused = !accepted[id]; refused {
						refusals++
					} else {
						next++
					}
				}
			}
			if refusals == 0 {
				t.Fatal("nothing was refused")
			}
			reader := servertest.Dial(t, i)
			reader.Open(channel, 0, 0)
			for k := range n {
				if e := servertest.Next[*protocol.Entry](reader); e.Ciphertext[0] != byte(k) {
					t.Fatalf("entry %d is message %d", k, e.Ciphertext[0])
				}
			}
		})
	}
}

// TestTinyEntriesFitIntoMessages reads a backlog of entries of one byte, which
// are less than what they are wrapped into.
func TestTinyEntriesFitIntoMessages(t *testing.T) {
	const many, together = 30_000, 1000
	i := servertest.Start(t, servertest.Options{Memory: true})
	channel := protocol.ChannelID{1}
	poster := servertest.Dial(t, i)
	poster.Create(channel)
	poster.Open(channel, 0, 0)
	for n := 0; n < many; n += together {
		var frames []byte
		for k := range uint64(together) {
			var err error
			frames, err = protocol.Append(frames, protocol.KindRequest, 1000+k, uint16(protocol.OpChannelPost), &protocol.ChannelPost{Channel: channel, Ciphertext: []byte("x")})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := poster.SendRaw(frames); err != nil {
			t.Fatal(err)
		}
		if err := poster.Answer(1000+together-1, &protocol.Posted{}); err != nil {
			t.Fatal(err)
		}
		poster.Forget()
	}
	reader := servertest.Dial(t, i)
	if _, err := reader.Send(protocol.OpChannelOpen, reader.OpenBody(channel, 0, 0)); err != nil {
		t.Fatal(err)
	}
	for read := int64(0); read < many*40; {
		h, err := ws.ReadHeader(reader.Conn)
		if err != nil {
			t.Fatal(err)
		}
		if h.Length > protocol.MaxMessage {
			t.Fatalf("a message of %d bytes", h.Length)
		}
		if _, err := io.CopyN(io.Discard, reader.Conn, h.Length); err != nil {
			t.Fatal(err)
		}
		read += h.Length
	}
}
