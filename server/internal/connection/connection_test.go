// SPDX-License-Identifier: AGPL-3.0-or-later

package connection_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/internal/connection"
)

func origin(limits *fairness.Limits) (*fairness.Shares, *fairness.Origin) {
	shares := fairness.NewShares(limits)
	return shares, fairness.NewOriginSet(limits, shares).Enter(netip.MustParseAddr("192.0.2.1"), "")
}

// receive lets a socket read what a client writes, who then cuts the connection or
// waits, and returns the first message or why there was none. Whatever comes, the
// memory is given back.
func receive(t *testing.T, frames []byte, cut bool) (message []byte, err error) {
	t.Helper()
	limits := fairness.DefaultLimits()
	shares, from := origin(&limits)
	ours, theirs := net.Pipe()
	k := connection.NewSocket(ours, nil, connection.SocketConfig{Shares: shares, From: from, MessageTimeout: time.Minute, WriteTimeout: time.Minute, Now: time.Now})
	go func() {
		_, _ = theirs.Write(frames) // the socket may have given up
		if cut {
			_ = theirs.Close()
		}
	}()
	b, err := k.ReadMessage(func() {})
	message = bytes.Clone(b)
	if err == nil {
		k.Free(b)
	}
	if used := shares.InUse(fairness.RequestMemory); used != 0 {
		t.Errorf("%d bytes are still counted", used)
	}
	_ = ours.Close() // the pipe has no errors to tell
	return message, err
}

func compile(t *testing.T, f ws.Frame) []byte {
	t.Helper()
	b, err := ws.CompileFrame(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSocketReadsMessages(t *testing.T) {
	long := bytes.Repeat([]byte("long"), 100_000)
	masked := func(op ws.OpCode, fin bool, payload []byte) []byte {
		return compile(t, ws.MaskFrame(ws.NewFrame(op, fin, payload)))
	}
	var huge bytes.Buffer // a header alone
	if err := ws.WriteHeader(&huge, ws.Header{Fin: true, OpCode: ws.OpBinary, Masked: true, Length: protocol.MaxMessage + 1}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		frames []byte
		want   []byte
		err    error
	}{
		"short":              {masked(ws.OpBinary, true, []byte("hello")), []byte("hello"), nil},
		"long":               {masked(ws.OpBinary, true, long), long, nil},
		"in fragments":       {append(masked(ws.OpBinary, false, []byte("hel")), masked(ws.OpContinuation, true, []byte("lo"))...), []byte("hello"), nil},
		"empty":              {masked(ws.OpBinary, true, nil), nil, nil},
		"text":               {masked(ws.OpText, true, []byte("hello")), nil, connection.ErrProtocol},
		"not masked":         {compile(t, ws.NewBinaryFrame([]byte("hello"))), nil, connection.ErrProtocol},
		"without beginning":  {masked(ws.OpContinuation, true, []byte("lo")), nil, connection.ErrProtocol},
		"announced too long": {huge.Bytes(), nil, connection.ErrTooLarge},
		"cut":                {masked(ws.OpBinary, true, long)[:200_000], nil, io.ErrUnexpectedEOF},
		"cut in a fragment":  {masked(ws.OpBinary, false, long), nil, io.EOF},
		"the end":            {masked(ws.OpClose, true, nil), nil, connection.ErrClosed},
	} {
		got, err := receive(t, c.frames, errors.Is(c.err, io.EOF) || errors.Is(c.err, io.ErrUnexpectedEOF))
		if !errors.Is(err, c.err) || !bytes.Equal(got, c.want) {
			t.Errorf("%s: %d bytes, %v, want %d, %v", name, len(got), err, len(c.want), c.err)
		}
	}
}

// pages is a feed of two pages.
type pages struct{ left int }

func (p *pages) Next(context.Context, int) (frames []byte, more bool, err error) {
	p.left--
	return append(make([]byte, connection.HeaderRoom), "page"...), p.left > 0, nil
}

// What is queued goes before what is read, an offer beyond the limit is refused,
// and nothing stays counted.
func TestOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := fairness.DefaultLimits()
		shares, from := origin(&limits)
		sent, gate := make(chan string, 10), make(chan struct{})
		var failure error
		o := connection.NewOutbox(t.Context(), connection.OutboxConfig{
			Limit: 10, Shares: shares, From: from, Now: time.Now,
			Send: func(b []byte) error {
				<-gate
				sent <- string(b[connection.HeaderRoom:])
				return nil
			},
			Failed: func(err error) { failure = err },
		})
		o.Push([]byte("first"))
		synctest.Wait() // it is being sent
		o.Read(&pages{left: 2})
		if !o.Offer([][]byte{[]byte("sec"), []byte("ond")}, 6) {
			t.Error("an offer within the limit was refused")
		}
		if o.Offer([][]byte{[]byte("third")}, 5) {
			t.Error("an offer beyond the limit was taken")
		}
		close(gate)
		synctest.Wait()
		for _, want := range []string{"first", "second", "page", "page"} {
			if got := <-sent; got != want {
				t.Errorf("sent %q, want %q", got, want)
			}
		}
		o.Drain()
		o.Close()
		o.Wait()
		if !o.IsClosed() || o.WaitRoom() || failure != nil {
			t.Errorf("closed: %v, %v", o.IsClosed(), failure)
		}
		if used := shares.InUse(fairness.QueuedMemory); used != 0 {
			t.Errorf("%d bytes are still counted", used)
		}
	})
}

// An outbox whose connection fails says so once, and drops the rest.
func TestOutboxFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := fairness.DefaultLimits()
		shares, from := origin(&limits)
		broken, failures := errors.New("broken"), 0
		o := connection.NewOutbox(t.Context(), connection.OutboxConfig{
			Limit: 10, Shares: shares, From: from, Now: time.Now,
			Send: func([]byte) error { return broken },
			Failed: func(err error) {
				if failures++; !errors.Is(err, broken) {
					t.Error(err)
				}
			},
		})
		o.Push([]byte("first"))
		synctest.Wait()
		o.Push([]byte("second"))
		o.Read(&pages{left: 1})
		o.Wait()
		if failures != 1 || !o.IsClosed() || shares.InUse(fairness.QueuedMemory) != 0 {
			t.Errorf("%d failures, closed %v, %d bytes are still counted", failures, o.IsClosed(), shares.InUse(fairness.QueuedMemory))
		}
	})
}
