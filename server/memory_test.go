// SPDX-License-Identifier: AGPL-3.0-or-later

package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// TestDisclosureIsMadeOnce reads a disclosure of many parts: it is what an
// operator prints, is made once, counts as memory while it is read, and goes.
func TestDisclosureIsMadeOnce(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true, Limits: func(l *fairness.Limits) { l.Disclose = fairness.Rate{Burst: 2, PerSecond: 0.0001} }})
	bob, box := servertest.Register(t, i, "bob")
	sender := servertest.Dial(t, i)
	for n := range 20 {
		sender.Must(protocol.OpLetterSend, &protocol.LetterSend{Name: "bob", Device: bob.Device, Letter: make([]byte, 60<<10), ID: [16]byte{byte(n)}}, &protocol.Empty{})
	}
	read := func() (whole []byte) {
		for {
			var part protocol.Disclosure
			box.Must(protocol.OpAccountDisclose, &protocol.AccountDisclose{Offset: uint64(len(whole))}, &part)
			if whole = append(whole, part.Part...); uint64(len(whole)) == part.Size {
				if sha256.Sum256(whole) != part.Hash {
					t.Error("the hash is another")
				}
				return whole
			}
			if used := i.Metric(t, "securecrypt_request_bytes"); used < float64(part.Size) {
				t.Fatalf("%.0f bytes are accounted for, of %d", used, part.Size)
			}
		}
	}
	addr, err := account.ParseAddress("bob@" + i.Host)
	if err != nil {
		t.Fatal(err)
	}
	printed, err := server.Disclose(t.Context(), i.Store, addr)
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(printed)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // as often as is allowed, each in seven parts
		if got := read(); !bytes.Equal(got, want) {
			t.Errorf("the account sees another disclosure than its operator: %d bytes, %d", len(got), len(want))
		}
	}
	if used := i.Metric(t, "securecrypt_request_bytes"); used != 0 {
		t.Errorf("%.0f bytes are kept", used)
	}
	box.Refused(protocol.CodeRateLimited, protocol.OpAccountDisclose, &protocol.AccountDisclose{})
}

// TestDisclosuresStayWithinMemory asks for a great disclosure on forty
// connections of one address, and reads none to its end.
func TestDisclosuresStayWithinMemory(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true, Limits: func(l *fairness.Limits) {
		unlifted(l)
		l.Letter, l.LetterBytes = fairness.Unbounded, fairness.Unbounded
	}})
	bob, box := servertest.Register(t, i, "bob")
	token := []byte("own")
	box.Must(protocol.OpMailboxToken, &protocol.MailboxToken{Hash: sha256.Sum256(token)}, &protocol.Empty{})
	sender := servertest.Dial(t, i)
	for n := range 100 {
		sender.Must(protocol.OpLetterSend, &protocol.LetterSend{Name: "bob", Device: bob.Device, Letter: make([]byte, 64<<10), ID: [16]byte{byte(n)}, Token: token}, &protocol.Empty{})
	}
	var got, refused int
	for range 40 {
		c := servertest.Dial(t, i)
		c.Must(protocol.OpAuthenticate, bob.Authentication(c), &protocol.Empty{})
		if err := c.Do(protocol.OpAccountDisclose, &protocol.AccountDisclose{}, &protocol.Disclosure{}); err == nil {
			got++
		} else {
			refused++
		}
	}
	used := i.Metric(t, "securecrypt_request_bytes")
	t.Logf("%d disclosures of 9 MiB are read at one time, %d are refused; %.1f MiB of memory", got, refused, used/(1<<20))
	if got == 0 || used > 256<<20/9 {
		t.Errorf("%.0f bytes of memory for one address", used)
	}
	other := servertest.DialFrom(t, i, "127.0.0.2")
	other.Must(protocol.OpAccountGet, &protocol.AccountGet{Names: []string{"bob"}}, &protocol.Accounts{})
}

// TestWaitingMessagesGetOn has thirty connections of one address send the first
// half of a megabyte each, which is more than the address's share, and only then
// the rest: one after the other, all are read.
func TestWaitingMessagesGetOn(t *testing.T) {
	const people, half = 30, 500 << 10
	i := servertest.Start(t, servertest.Options{Memory: true, Limits: func(l *fairness.Limits) {
		unlifted(l)
		l.MaxMemory, l.PostBytes = 64<<20, fairness.Unbounded
	}})
	var members []*servertest.Client
	var rest [][]byte
	for n := range people {
		member := servertest.Dial(t, i)
		channel := protocol.ChannelID{1, byte(n)}
		member.Create(channel)
		member.Open(channel, 0, 0)
		var frames []byte
		for id := uint64(100); id < 104; id++ {
			var err error
			frames, err = protocol.Append(frames, protocol.KindRequest, id, uint16(protocol.OpChannelPost), &protocol.ChannelPost{Channel: channel, Ciphertext: make([]byte, 250<<10)})
			if err != nil {
				t.Fatal(err)
			}
		}
		frame, err := ws.CompileFrame(ws.MaskFrame(ws.NewBinaryFrame(frames)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := member.Conn.Write(frame[:half]); err != nil {
			t.Fatal(err)
		}
		members, rest = append(members, member), append(rest, frame[half:])
	}
	var wait sync.WaitGroup
	var failed atomic.Int64
	for n, member := range members {
		wait.Go(func() {
			if _, err := member.Conn.Write(rest[n]); err != nil || member.Answer(103, &protocol.Posted{}) != nil {
				failed.Add(1)
			}
		})
	}
	wait.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d of %d messages were not read", failed.Load(), people)
	}
	if used := i.Metric(t, "securecrypt_request_bytes"); used != 0 {
		t.Errorf("%.0f bytes are held in the end", used)
	}
}

// TestSlowReadersStayWithinMemory has one address open a channel on many
// connections, and read nothing of what it asked for.
func TestSlowReadersStayWithinMemory(t *testing.T) {
	const memory = 32 << 20
	i := servertest.Start(t, servertest.Options{Limits: func(l *fairness.Limits) {
		unlifted(l)
		l.MaxMemory = memory
	}})
	channel := protocol.ChannelID{1}
	poster := servertest.Dial(t, i)
	poster.Create(channel)
	poster.Open(channel, 0, 0)
	for range 24 {
		poster.Post(channel, 0, string(make([]byte, protocol.MaxCiphertext-1024)))
		poster.Forget()
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for range 150 {
		c := servertest.Dial(t, i)
		if err := c.Conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Send(protocol.OpChannelOpen, c.OpenBody(channel, 0, 0)); err != nil {
			t.Fatal(err)
		}
	}
	other := servertest.DialFrom(t, i, "127.0.0.2")
	other.Open(channel, 0, 0)
	for seq := uint64(1); seq <= 24; seq++ {
		if e := servertest.Next[*protocol.Entry](other); e.Seq != seq {
			t.Fatalf("entry %d at another address, want %d", e.Seq, seq)
		}
	}
	used, held := heap()-before, i.Metric(t, "securecrypt_queued_bytes")
	t.Logf("150 connections that read nothing: %d MiB, of which %.1f are accounted for", used>>20, held/(1<<20))
	if used > memory || held == 0 {
		t.Errorf("%d bytes of memory, %.0f accounted for, of %d", used, held, memory)
	}
}

// TestAGroupPostsLongMessages has people behind one address post a megabyte each at
// one time: twenty, three times the address's share, then sixty.
func TestAGroupPostsLongMessages(t *testing.T) {
	t.Run("twenty", func(t *testing.T) { groupPostsLongMessages(t, 20) })
	t.Run("sixty", func(t *testing.T) {
		if testing.Short() {
			t.Skip("the race detector makes it too slow; make test runs it without -short")
		}
		groupPostsLongMessages(t, 60)
	})
}

func groupPostsLongMessages(t *testing.T, people int) {
	t.Helper()
	i := servertest.Start(t, servertest.Options{Memory: true, Limits: func(l *fairness.Limits) {
		unlifted(l)
		l.MaxMemory, l.PostBytes = 64<<20, fairness.Unbounded
	}})
	answers := make(chan error, people)
	var members []*servertest.Client
	for n := range people {
		member := servertest.Dial(t, i)
		member.Create(protocol.ChannelID{1, byte(n)})
		member.Open(protocol.ChannelID{1, byte(n)}, 0, 0)
		members = append(members, member)
	}
	began := time.Now()
	for n, member := range members {
		go func() {
			post := &protocol.ChannelPost{Channel: protocol.ChannelID{1, byte(n)}, Ciphertext: make([]byte, 250<<10)}
			var frames []byte
			var err error
			for id := uint64(100); id < 104 && err == nil; id++ {
				frames, err = protocol.Append(frames, protocol.KindRequest, id, uint16(protocol.OpChannelPost), post)
			}
			if err == nil {
				err = member.SendRaw(frames)
			}
			if err == nil {
				err = member.Answer(103, &protocol.Posted{})
			}
			answers <- err
		}()
	}
	failed := 0
	for range people {
		if err := <-answers; err != nil {
			failed++
			t.Log(err)
		}
	}
	t.Logf("%d MB: %s", people, time.Since(began).Round(time.Millisecond))
	if failed > 0 {
		t.Errorf("%d of %d people could not post", failed, people)
	}
}
