// SPDX-License-Identifier: AGPL-3.0-or-later

package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/protocol"
)

// pipe is a connection whose other end is the test.
type pipe struct {
	in, out chan []byte
	done    chan struct{}
	once    sync.Once
}

func (p *pipe) Read(ctx context.Context) ([]byte, error) {
	select {
	case b := <-p.in:
		return b, nil
	case <-p.done:
		return nil, io.EOF
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipe) Write(ctx context.Context, b []byte) error {
	select {
	case p.out <- bytes.Clone(b):
		return nil
	case <-p.done:
		return io.ErrClosedPipe
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *pipe) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

// pipes is a transport that hands its connections to the test.
type pipes struct{ conns chan *pipe }

func (p *pipes) Blobs(string) backend.Blobs { return nil }

func (p *pipes) Dial(ctx context.Context, _ string) (backend.Conn, error) {
	c := &pipe{in: make(chan []byte, 100), out: make(chan []byte, 100), done: make(chan struct{})}
	select {
	case p.conns <- c:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipe) send(t *testing.T, kind protocol.Kind, id uint64, code uint16, body protocol.Body) {
	t.Helper()
	b, err := protocol.Append(nil, kind, id, code, body)
	fatal(t, err)
	p.in <- b
}

func (p *pipe) greet(t *testing.T) {
	t.Helper()
	p.send(t, protocol.KindEvent, 0, uint16(protocol.EventHello), &protocol.Hello{Version: protocol.Version, Host: "here"})
}

// requests reads the frames of one message.
func (p *pipe) requests(t *testing.T) (all []protocol.Frame) {
	t.Helper()
	for rest := <-p.out; len(rest) > 0; {
		f, after, err := protocol.ParseFrame(rest)
		fatal(t, err)
		all, rest = append(all, f), after
	}
	return all
}

func withLink(t *testing.T, fn func(t *testing.T, l *Link, conns chan *pipe)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		conns := make(chan *pipe)
		l := newLink("here", &pipes{conns}, Discard{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { l.Run(ctx); close(ended) }()
		fn(t, l, conns)
		cancel()
		<-ended
	})
}

func TestLinkMatchesAnswers(t *testing.T) {
	withLink(t, func(t *testing.T, l *Link, conns chan *pipe) {
		p := <-conns
		p.greet(t)
		fatal(t, l.Ready(t.Context()))
		type answer struct {
			n   int
			err error
		}
		answers := make(chan answer, 3)
		for n := range 3 {
			l.Request(protocol.OpChannelClose, &protocol.ChannelClose{}, func(_ protocol.Body, err error) { answers <- answer{n, err} })
		}
		var ids []uint64
		for len(ids) < 3 {
			for _, f := range p.requests(t) {
				ids = append(ids, f.ID)
			}
		}
		p.send(t, protocol.KindResponse, ids[2], 0, &protocol.Empty{})
		p.send(t, protocol.KindError, ids[0], uint16(protocol.CodeForbidden), &protocol.ErrorBody{})
		if a := <-answers; a.n != 2 || a.err != nil {
			t.Errorf("first answer: %+v", a)
		}
		if a := <-answers; a.n != 0 || !errors.Is(a.err, &protocol.Error{Code: protocol.CodeForbidden}) {
			t.Errorf("second answer: %+v", a)
		}
		_ = p.Close()
		if a := <-answers; a.n != 1 || !errors.Is(a.err, backend.ErrOffline) {
			t.Errorf("the request without an answer: %+v", a)
		}
	})
}

// Whatever a server says that it must not, the connection ends, requests fail
// as off line, and a new connection is made.
func TestLinkEndsBadConnections(t *testing.T) {
	hello := func(h protocol.Hello) func(*testing.T, *pipe) {
		return func(t *testing.T, p *pipe) { p.send(t, protocol.KindEvent, 0, uint16(protocol.EventHello), &h) }
	}
	after := func(say func(*testing.T, *pipe)) func(*testing.T, *pipe) {
		return func(t *testing.T, p *pipe) { p.greet(t); say(t, p) }
	}
	for name, say := range map[string]func(*testing.T, *pipe){
		"another version":  hello(protocol.Hello{Version: protocol.Version + 1, Host: "here"}),
		"another host":     hello(protocol.Hello{Version: protocol.Version, Host: "there"}),
		"no hello":         func(t *testing.T, p *pipe) { p.send(t, protocol.KindResponse, 1, 0, &protocol.Empty{}) },
		"nothing":          func(*testing.T, *pipe) {},
		"an empty message": func(_ *testing.T, p *pipe) { p.in <- nil },
		"junk":             after(func(_ *testing.T, p *pipe) { p.in <- []byte{0xff, 0, 1} }),
		"a request":        after(func(t *testing.T, p *pipe) { p.send(t, protocol.KindRequest, 1, 1, &protocol.Empty{}) }),
		"an odd answer":    after(func(t *testing.T, p *pipe) { p.send(t, protocol.KindResponse, 99, 0, &protocol.Empty{}) }),
		"a wrong result": after(func(t *testing.T, p *pipe) {
			p.send(t, protocol.KindResponse, p.requests(t)[0].ID, 0, &protocol.Posted{Seq: 1})
		}),
		"an unknown event": after(func(t *testing.T, p *pipe) { p.send(t, protocol.KindEvent, 0, 999, &protocol.Empty{}) }),
		"an empty entry": after(func(t *testing.T, p *pipe) {
			p.send(t, protocol.KindEvent, 0, uint16(protocol.EventEntry), &protocol.Entry{})
		}),
	} {
		t.Run(name, func(t *testing.T) {
			withLink(t, func(t *testing.T, l *Link, conns chan *pipe) {
				p := <-conns
				failed := make(chan error, 1)
				stop := l.Watch(Watcher{Up: func(protocol.Hello) {
					go l.Request(protocol.OpChannelClose, &protocol.ChannelClose{}, func(_ protocol.Body, err error) { failed <- err })
				}})
				say(t, p)
				next := <-conns // the link gave up on the first
				stop()
				select {
				case err := <-failed:
					if !errors.Is(err, backend.ErrOffline) {
						t.Errorf("the request failed with %v", err)
					}
				default:
				}
				l.mu.Lock()
				err := l.lastErr
				l.mu.Unlock()
				if !errors.Is(err, backend.ErrOffline) {
					t.Errorf("the reason is %v", err)
				}
				next.greet(t)
				fatal(t, l.Ready(t.Context()))
			})
		})
	}
}

// Frames that are more than a message may hold are sent as several, in order.
func TestLinkSplitsMessages(t *testing.T) {
	const n = 12
	var frames []byte
	for id := range uint64(n) {
		var err error
		frames, err = protocol.Append(frames, protocol.KindRequest, id+1, uint16(protocol.OpChannelPost), &protocol.ChannelPost{Ciphertext: make([]byte, 200<<10)})
		fatal(t, err)
	}
	last := uint64(0)
	for len(frames) > 0 {
		message, rest, err := split(frames)
		fatal(t, err)
		if len(message) == 0 || len(message) > protocol.MaxMessage {
			t.Fatalf("a message of %d bytes", len(message))
		}
		for len(message) > 0 {
			f, after, err := protocol.ParseFrame(message)
			fatal(t, err)
			if f.ID != last+1 {
				t.Errorf("request %d after %d", f.ID, last)
			}
			last, message = f.ID, after
		}
		frames = rest
	}
	if last != n {
		t.Errorf("%d frames, want %d", last, n)
	}
}

// Between attempts the link waits, longer each time.
func TestLinkBacksOff(t *testing.T) {
	withLink(t, func(t *testing.T, _ *Link, conns chan *pipe) {
		began, n := time.Now(), 0
		for time.Since(began) < time.Hour {
			_ = (<-conns).Close()
			n++
		}
		if n > 300 {
			t.Errorf("%d attempts in an hour", n)
		}
	})
}

func TestLinkCallEndsWithItsContext(t *testing.T) {
	withLink(t, func(t *testing.T, l *Link, conns chan *pipe) {
		p := <-conns
		for _, greeted := range []bool{false, true} {
			if greeted {
				p.greet(t)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := l.Call(ctx, protocol.OpAccountGet, &protocol.AccountGet{Names: []string{"bob"}})
			if !errors.Is(err, backend.ErrOffline) {
				t.Errorf("greeted %v: %v", greeted, err)
			}
			cancel()
		}
	})
}

// monologue is a connection on which one message comes, and nothing else.
type monologue struct {
	pipe
	message []byte
}

func (m *monologue) Read(context.Context) ([]byte, error) {
	b := m.message
	m.message = nil
	if b == nil {
		return nil, io.EOF
	}
	return b, nil
}

func FuzzLinkReads(f *testing.F) {
	b, err := protocol.Append(nil, protocol.KindEvent, 0, uint16(protocol.EventEntry), &protocol.Entry{Seq: 1, Ciphertext: []byte{1}})
	fatal(f, err)
	f.Add(b)
	b, err = protocol.Append(nil, protocol.KindResponse, 1, 0, &protocol.Empty{})
	fatal(f, err)
	f.Add(b)
	f.Fuzz(func(t *testing.T, message []byte) {
		l := newLink("here", nil, Discard{})
		l.pending[1] = pendingCall{protocol.OpChannelPost, func(protocol.Body, error) {}}
		if err := l.readLoop(t.Context(), &monologue{message: message}); err == nil {
			t.Error("reading ended without an error")
		}
	})
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
