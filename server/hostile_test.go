// SPDX-License-Identifier: AGPL-3.0-or-later

package server_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/servertest"
	"github.com/securecrypt/securecrypt/server/store/storetest"
)

// ended waits until the server has closed a connection.
func ended(t *testing.T, c net.Conn, within time.Duration) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	_, err := io.Copy(io.Discard, c)
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("the connection is still open after %s", within)
	}
}

// stillServes checks that somebody else is served.
func stillServes(t *testing.T, i *servertest.Instance) {
	t.Helper()
	c := servertest.Dial(t, i)
	var id protocol.ChannelID
	_, _ = rand.Read(id[:]) // never fails
	c.Create(id)
	c.Open(id, 0, 0)
	c.Post(id, 0, "x")
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestMalformedFramesEndTheConnection(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	valid, err := protocol.Append(nil, protocol.KindRequest, 1, uint16(protocol.OpAccountGet), &protocol.AccountGet{Names: []string{"bob"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"nothing":              {},
		"no CBOR":              []byte("GET / HTTP/1.1"),
		"a longer form":        append([]byte{0x98, 4}, valid[1:]...),
		"an indefinite length": append(append([]byte{0x9f}, valid[1:]...), 0xff),
		"an event":             {0x84, 3, 0, 1, 0xa0},
		"a giant length":       {0x84, 0, 1, 11, 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"deep nesting":         bytes.Repeat([]byte{0x81}, 100_000),
		"a wrong body":         {0x84, 0, 1, 11, 0xa1, 1, 1},
		"half a frame":         valid[:len(valid)-1],
	} {
		t.Run(name, func(t *testing.T) {
			c := servertest.Dial(t, i)
			if err := c.SendRaw(b); err != nil {
				t.Fatal(err)
			}
			ended(t, c.Conn, 5*time.Second)
		})
	}
	c := servertest.Dial(t, i)
	if err := c.SendRaw([]byte{0x84, 0, 1, 0x19, 0x03, 0xe8, 0xa0}); err != nil {
		t.Fatal(err)
	}
	f, err := c.ReadFrame()
	if err != nil || f.Kind != protocol.KindError || protocol.ErrorCode(f.Code) != protocol.CodeUnsupported {
		t.Errorf("unknown operation: %+v, %v", f, err)
	}
	stillServes(t, i)
}

func TestWrongWebSocketFramesEndTheConnection(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	for name, b := range map[string][]byte{
		"unmasked":           {0x82, 1, 0},
		"text":               {0x81, 0x81, 0, 0, 0, 0, 'x'},
		"reserved bits":      {0xc2, 0x81, 0, 0, 0, 0, 'x'},
		"reserved opcode":    {0x83, 0x81, 0, 0, 0, 0, 'x'},
		"stray continuation": {0x80, 0x81, 0, 0, 0, 0, 'x'},
		"long ping":          {0x89, 0xfe, 0, 126, 0, 0, 0, 0},
		"over the limit":     {0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 1, 0, 0, 0, 0},
		"giant":              {0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
		"negative":           {0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := servertest.Dial(t, i)
			if _, err := c.Conn.Write(b); err != nil {
				t.Fatal(err)
			}
			ended(t, c.Conn, 5*time.Second)
		})
	}
	stillServes(t, i)
}

// TestAnnouncedLengthsCostNothing has 200 connections announce a message of
// the greatest length and send none of it.
func TestAnnouncedLengthsCostNothing(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	before := heap()
	for range 200 {
		c := servertest.Dial(t, i)
		if _, err := c.Conn.Write([]byte{0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 1, 2, 3, 4, 5}); err != nil {
			t.Fatal(err)
		}
	}
	stillServes(t, i)
	grown := int64(heap()) - int64(before)
	t.Logf("200 announcements of 1 MiB cost %d KiB", grown>>10)
	if grown > 32<<20 {
		t.Errorf("200 announcements of 1 MiB cost %d MiB", grown>>20)
	}
}

func TestSlowLoris(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true, Limits: func(l *fairness.Limits) {
		l.HeaderTimeout, l.MessageTimeout = 300*time.Millisecond, 300*time.Millisecond
	}})
	header, err := net.Dial("tcp", strings.TrimPrefix(i.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(header, "GET /v1/socket HTTP/1.1\r\nHost: x\r\n"); err != nil {
		t.Fatal(err)
	}
	message := servertest.Dial(t, i)
	if _, err := message.Conn.Write([]byte{0x82, 0xfe}); err != nil {
		t.Fatal(err)
	}
	payload := servertest.Dial(t, i)
	if _, err := payload.Conn.Write([]byte{0x82, 0xfe, 1, 0, 0, 0, 0, 0, 'x'}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{header, message.Conn, payload.Conn} {
		ended(t, c, 5*time.Second)
	}
	stillServes(t, i)
}

func TestRateLimitsBoundRegistrations(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true, Limits: func(l *fairness.Limits) { l.Register = fairness.Rate{Burst: 5, PerSecond: 0.001} }})
	done := 0
	for n := range 50 {
		c := servertest.Dial(t, i)
		err := c.Do(protocol.OpRegister, servertest.NewPerson(t, i.Host, fmt.Sprintf("flood%d", n)).Registration(), &protocol.Empty{})
		var refused *protocol.Error
		switch {
		case err == nil:
			done++
		case !errors.As(err, &refused) || refused.Code != protocol.CodeRateLimited || refused.RetryAfter <= 0:
			t.Fatalf("refused with %v", err)
		}
	}
	if done != 5 {
		t.Errorf("%d of 50 registrations went through, want 5", done)
	}
	stillServes(t, i)
}

func TestConnectionsAreBounded(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true, Limits: func(l *fairness.Limits) { l.MaxAddressConnections = 10 }})
	var open []*servertest.Client
	for range 30 {
		c, err := servertest.Connect(i.URL)
		if err != nil {
			break
		}
		open = append(open, c)
	}
	if len(open) != 10 {
		t.Errorf("%d connections from one address, want 10", len(open))
	}
	for _, c := range open {
		if err := c.Conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	for i.Connections(t) > 0 {
		if time.Now().After(deadline) {
			t.Fatal("closed connections still count")
		}
		runtime.Gosched()
	}
	stillServes(t, i)
}

// TestDrainersReachOnlyTheLastResort takes key packages faster than allowed: one
// address gets its share, and another one still gets some.
func TestDrainersReachOnlyTheLastResort(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true, Limits: func(l *fairness.Limits) { l.TargetTake = fairness.Rate{Burst: 15, PerSecond: 0.0001} }})
	_, bob := servertest.Register(t, i, "bob")
	publish := &protocol.KeyPackagesPublish{LastResort: []byte("last")}
	for n := range 20 {
		publish.KeyPackages = append(publish.KeyPackages, []byte{byte(n)})
	}
	bob.Must(protocol.OpKeyPackagesPublish, publish, &protocol.KeyPackagesStatus{})
	eve := servertest.Dial(t, i)
	for range 15 {
		eve.Must(protocol.OpKeyPackagesTake, &protocol.KeyPackagesTake{Name: "bob"}, &protocol.KeyPackages{})
	}
	var left protocol.KeyPackagesStatus
	bob.Must(protocol.OpKeyPackagesStatus, &protocol.Empty{}, &left)
	if left.Count != 17 {
		t.Errorf("%d key packages left of 20, want 17", left.Count)
	}
	friend := servertest.DialFrom(t, i, "127.0.0.2")
	var got protocol.KeyPackages
	friend.Must(protocol.OpKeyPackagesTake, &protocol.KeyPackagesTake{Name: "bob"}, &got)
	if len(got.KeyPackages) != 1 || string(got.KeyPackages[0].KeyPackage) == "last" {
		t.Errorf("another address gets %q", got.KeyPackages)
	}
}

// TestStrangersLearnNothing compares what a stranger gets about channels that
// exist with what he gets about those that do not.
func TestStrangersLearnNothing(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	exists, missing := protocol.ChannelID{1}, protocol.ChannelID{2}
	member, eve := servertest.Dial(t, i), servertest.Dial(t, i)
	member.Create(exists)
	member.Open(exists, 0, 0)
	member.Post(exists, 0, "x")
	for _, id := range []protocol.ChannelID{exists, missing} {
		for name, body := range map[string]*protocol.ChannelOpen{
			"no signature":         {Channel: id},
			"another epoch's":      {Channel: id, Epoch: 5},
			"another connection's": member.OpenBody(id, 0, 0),
			"another channel's":    {Channel: id, Signature: eve.OpenBody(protocol.ChannelID{3}, 0, 0).Signature},
		} {
			t.Run(name, func(t *testing.T) { eve.Refused(protocol.CodeForbidden, protocol.OpChannelOpen, body) })
		}
		eve.Refused(protocol.CodeForbidden, protocol.OpChannelPost, &protocol.ChannelPost{Channel: id, Ciphertext: []byte("x")})
		eve.Refused(protocol.CodeForbidden, protocol.OpChannelCommit, &protocol.ChannelCommit{Channel: id, Ciphertext: []byte("x")})
	}
	eve.Quiet()
	if state := member.Open(exists, 0, 1); state.Epoch != 0 || state.Last != 1 {
		t.Errorf("state %+v", state)
	}
}

// TestSlowReaderHarmsNobody posts 24 MiB to a channel that one member does not
// read from: the others get all of it meanwhile, memory stays bounded, and the
// slow one gets all of it when it reads.
func TestSlowReaderHarmsNobody(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Limits: func(l *fairness.Limits) { l.MaxQueue = 256 << 10 }})
	channel := protocol.ChannelID{1}
	poster, slow, other := servertest.Dial(t, i), servertest.Dial(t, i), servertest.Dial(t, i)
	poster.Create(channel)
	for _, c := range []*servertest.Client{slow, other} {
		c.Open(channel, 0, 0)
		servertest.Next[*protocol.CaughtUp](c)
	}
	poster.Open(channel, 0, 0)
	const posts, size = 192, 128 << 10
	payload := strings.Repeat("x", size)
	var wait sync.WaitGroup
	wait.Go(func() {
		for want := uint64(1); want <= posts; want++ {
			if _, body, err := other.Event(); err != nil || body.(*protocol.Entry).Seq != want {
				t.Errorf("the other reader: %v", err)
				return
			}
		}
	})
	for range posts {
		poster.Post(channel, 0, payload)
		poster.Forget()
	}
	wait.Wait()
	queued := i.Metric(t, "securecrypt_queued_bytes")
	t.Logf("24 MiB for a slow reader take %.0f KiB of memory", queued/1024)
	if queued > 512<<10 {
		t.Errorf("%.0f bytes wait in memory for a slow reader", queued)
	}
	for want := uint64(1); want <= posts; want++ {
		if e := servertest.Next[*protocol.Entry](slow); e.Seq != want || len(e.Ciphertext) != size {
			t.Fatalf("the slow reader got %d, want %d", e.Seq, want)
		}
	}
	slow.Quiet()
}

// TestReaderWithoutProgressIsDropped has a member that never reads.
func TestReaderWithoutProgressIsDropped(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true, Limits: func(l *fairness.Limits) { l.WriteTimeout = 300 * time.Millisecond }})
	channel := protocol.ChannelID{1}
	poster, stuck := servertest.Dial(t, i), servertest.Dial(t, i)
	poster.Create(channel)
	stuck.Open(channel, 0, 0)
	poster.Open(channel, 0, 0)
	payload := strings.Repeat("x", 200<<10)
	for range 100 {
		poster.Post(channel, 0, payload)
		poster.Forget()
	}
	deadline := time.Now().Add(10 * time.Second)
	for i.Connections(t) != 1 {
		if time.Now().After(deadline) {
			t.Fatal("a reader without progress is still connected")
		}
		runtime.Gosched()
	}
	poster.Post(channel, 0, "x")
}

func TestFullDiskIsSaidAndPasses(t *testing.T) {
	var faulty *storetest.Faulty
	i := servertest.Start(t, servertest.Options{Memory: true, Store: func(s server.Store) server.Store {
		faulty = storetest.NewFaulty(s)
		return faulty
	}})
	channel := protocol.ChannelID{1}
	c := servertest.Dial(t, i)
	c.Create(channel)
	c.Open(channel, 0, 0)
	bob, _ := servertest.Register(t, i, "bob")
	faulty.Fail(func(int) error { return server.ErrFull })
	c.Refused(protocol.CodeUnavailable, protocol.OpChannelPost, &protocol.ChannelPost{Channel: channel, Ciphertext: []byte("x")})
	c.Refused(protocol.CodeUnavailable, protocol.OpLetterSend, &protocol.LetterSend{Name: "bob", Device: bob.Device, Letter: []byte("x")})
	c.Refused(protocol.CodeUnavailable, protocol.OpChannelCreate, &protocol.ChannelCreate{Channel: protocol.ChannelID{2}})
	faulty.Fail(func(int) error { return errors.New("a secret that stands in the store") })
	c.Refused(protocol.CodeInternal, protocol.OpChannelPost, &protocol.ChannelPost{Channel: channel, Ciphertext: []byte("x")})
	faulty.Fail(nil)
	c.Open(channel, 0, 0)
	if seq := c.Post(channel, 0, "after"); seq != 1 {
		t.Errorf("what was refused was stored: the next entry has number %d", seq)
	}
	if strings.Contains(i.Logs.String(), "secret") {
		t.Error("the log repeats what the store says")
	}
}

// TestFragmentsAreOneMessage sends a message in three WebSocket frames with a
// ping between them.
func TestFragmentsAreOneMessage(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	c := servertest.Dial(t, i)
	b, err := protocol.Append(nil, protocol.KindRequest, 1, uint16(protocol.OpAccountGet), &protocol.AccountGet{Names: []string{"bob"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []ws.Frame{
		ws.NewFrame(ws.OpBinary, false, b[:3]), ws.NewPingFrame([]byte("x")),
		ws.NewFrame(ws.OpContinuation, false, b[3:5]), ws.NewFrame(ws.OpContinuation, true, b[5:]),
	} {
		if err := ws.WriteFrame(c.Conn, ws.MaskFrame(f)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Answer(1, &protocol.Accounts{}); err != nil {
		t.Fatal(err)
	}
}
