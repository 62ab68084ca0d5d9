// SPDX-License-Identifier: AGPL-3.0-or-later

package link

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/protocol"
)

// Waits between attempts to connect, in a link's run.
const (
	firstBackoff = 200 * time.Millisecond
	lastBackoff  = 30 * time.Second
	helloTimeout = 15 * time.Second
)

// A Link keeps one connection to a server open: it dials, waits and dials
// again until its context ends. What its watchers are told, and the callbacks
// of requests, come from one goroutine in the order in which the server sent
// them; they must not block on the link.
type Link struct {
	host      string
	own       bool // it is the account's own server
	transport backend.Transport
	log       backend.Logger
	// slots, if not nil, bound the connections that there are at a time.
	slots *slots
	// gate, if not nil, is open while there may be a connection.
	gate *Gate
	// over, if not nil, is closed once there will be no connection any more.
	over chan struct{}

	mu       sync.Mutex // guards what follows
	hello    *protocol.Hello
	lastErr  error // why there is no connection
	nextID   uint64
	pending  map[uint64]pendingCall
	out      []byte        // frames to be written
	wake     chan struct{} // has one element if out may have something
	watchers map[int]Watcher
	nextKey  int
	entries  map[protocol.ChannelID]func(protocol.EventType, protocol.Body)
}

type pendingCall struct {
	op   protocol.Op
	done func(protocol.Body, error)
}

// Watcher has the callbacks for connections that begin and end. Up is also
// called at registration if there is a connection.
type Watcher struct {
	Up   func(protocol.Hello)
	Down func(error)
	// Event gets the events that are not about a channel.
	Event func(protocol.EventType, protocol.Body)
}

func newLink(host string, transport backend.Transport, log backend.Logger) *Link {
	return &Link{
		host: host, transport: transport, log: log,
		lastErr:  fmt.Errorf("%w: not connected yet", backend.ErrOffline),
		pending:  map[uint64]pendingCall{},
		wake:     make(chan struct{}, 1),
		watchers: map[int]Watcher{},
		entries:  map[protocol.ChannelID]func(protocol.EventType, protocol.Body){},
	}
}

// Watch registers a watcher; the returned function ends it.
func (l *Link) Watch(w Watcher) (stop func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := l.nextKey
	l.nextKey++
	l.watchers[key] = w
	if l.hello != nil && w.Up != nil {
		w.Up(*l.hello)
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.watchers, key)
	}
}

// Revisit calls fn if there is a connection.
func (l *Link) Revisit(fn func(protocol.Hello)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hello != nil {
		fn(*l.hello)
	}
}

// Route sends the events of a channel to fn.
func (l *Link) Route(channel protocol.ChannelID, fn func(protocol.EventType, protocol.Body)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[channel] = fn
}

// Unroute drops the events of a channel.
func (l *Link) Unroute(channel protocol.ChannelID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.entries, channel)
}

// Request sends a request. done is called once, with the result or with an
// error: a *protocol.Error, or one that wraps ErrOffline if the connection
// ended before the answer came.
func (l *Link) Request(op protocol.Op, body protocol.Body, done func(protocol.Body, error)) {
	l.mu.Lock()
	err := l.named(l.lastErr)
	if l.hello != nil {
		l.nextID++
		var out []byte
		if out, err = protocol.Append(l.out, protocol.KindRequest, l.nextID, uint16(op), body); err == nil {
			l.out = out
			l.pending[l.nextID] = pendingCall{op, done}
		}
	}
	l.mu.Unlock()
	if err != nil {
		done(nil, err)
		return
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// down returns why there is no connection, nil if there is one.
func (l *Link) down() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.named(l.lastErr)
}

// Call sends a request, once there is a connection, and waits for the answer.
func (l *Link) Call(ctx context.Context, op protocol.Op, body protocol.Body) (protocol.Body, error) {
	if err := l.Ready(ctx); err != nil {
		return nil, err
	}
	type answer struct {
		body protocol.Body
		err  error
	}
	answers := make(chan answer, 1)
	l.Request(op, body, func(b protocol.Body, err error) { answers <- answer{b, err} })
	select {
	case a := <-answers:
		return a.body, a.err
	case <-ctx.Done():
		return nil, l.named(context.Cause(ctx))
	}
}

// Ready waits for a connection.
func (l *Link) Ready(ctx context.Context) error {
	up := make(chan struct{}, 1)
	stop := l.Watch(Watcher{Up: func(protocol.Hello) {
		select {
		case up <- struct{}{}:
		default:
		}
	}})
	defer stop()
	select {
	case <-up:
		return nil
	case <-l.over:
		return l.down()
	case <-ctx.Done():
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.lastErr != nil {
			return l.named(l.lastErr)
		}
		return l.named(context.Cause(ctx))
	}
}

// Run keeps the link up until ctx ends.
func (l *Link) Run(ctx context.Context) {
	backoff := firstBackoff
	for ctx.Err() == nil {
		began := time.Now()
		changed, err := l.admitted(ctx)
		if err == nil {
			err = l.session(ctx)
		}
		l.disconnect(err)
		if time.Since(began) > lastBackoff {
			backoff = firstBackoff
		}
		wait := backoff/2 + rand.N(backoff)
		backoff = min(backoff*2, lastBackoff)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-time.After(wait):
		}
	}
}

// admitted waits until there may be a connection. Whether that changes later is
// told by the channel that it returns.
func (l *Link) admitted(ctx context.Context) (changed <-chan struct{}, err error) {
	if l.gate == nil {
		return nil, nil
	}
	err = l.gate.await(ctx)
	_, changed = l.gate.cutOff()
	return changed, err
}

// session dials and serves one connection until it ends.
func (l *Link) session(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if l.slots != nil {
		held, err := l.slots.acquire(ctx)
		if err != nil {
			return err
		}
		defer held.release()
		go func() {
			select {
			case <-held.due:
				cancel(errTurn)
			case <-ctx.Done():
			}
		}()
	}
	if l.gate != nil {
		shut, _ := l.gate.cutOff()
		go func() {
			select {
			case <-shut:
				cancel(l.gate.why())
			case <-ctx.Done():
			}
		}()
	}
	conn, err := l.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := l.greet(ctx, conn); err != nil {
		return err
	}
	written := make(chan error, 1)
	go func() {
		err := l.writeLoop(ctx, conn)
		_ = conn.Close()
		written <- err
	}()
	err = l.readLoop(ctx, conn)
	cancel(nil)
	_ = conn.Close()
	if werr := <-written; werr != nil && !errors.Is(werr, context.Canceled) {
		err = werr
	}
	return err
}

// errTurn ends a connection so that another server gets its turn.
var errTurn = errors.New("client: there are too many servers to keep all connections open")

// dial opens a connection within the time that transports take at most.
func (l *Link) dial(ctx context.Context) (backend.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, ForeignAnswerTimeout)
	defer cancel()
	return l.transport.Dial(ctx, l.host)
}

func (l *Link) greet(ctx context.Context, conn backend.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	msg, err := conn.Read(ctx)
	if err != nil {
		return Offline(err)
	}
	f, rest, err := protocol.ParseFrame(msg)
	if err != nil {
		return err
	}
	var hello protocol.Hello
	if f.Kind != protocol.KindEvent || protocol.EventType(f.Code) != protocol.EventHello || len(rest) > 0 {
		return fmt.Errorf("%w: the server did not say hello", protocol.ErrMalformed)
	}
	if err := protocol.DecodeBody(f.Body, &hello); err != nil {
		return err
	}
	if hello.Version != protocol.Version {
		return fmt.Errorf("the server speaks version %d of the protocol, this program version %d: update the older of the two", hello.Version, protocol.Version)
	}
	if hello.Host != l.host {
		return fmt.Errorf("the server at %s calls itself %q: use that name", l.host, hello.Host)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hello, l.lastErr, l.out = &hello, nil, nil
	for _, w := range l.watchers {
		if w.Up != nil {
			w.Up(hello)
		}
	}
	return nil
}

// disconnect tells everybody that the connection ended. Whatever ended it, a
// later one may be better, so that all errors count as being off line.
func (l *Link) disconnect(err error) {
	if err == nil {
		err = backend.ErrOffline
	}
	err = l.named(err)
	l.mu.Lock()
	pending, was := l.pending, l.hello != nil
	l.pending, l.hello, l.lastErr, l.out = map[uint64]pendingCall{}, nil, err, nil
	watchers := make([]Watcher, 0, len(l.watchers))
	for _, w := range l.watchers {
		watchers = append(watchers, w)
	}
	l.mu.Unlock()
	for _, c := range pending {
		c.done(nil, err)
	}
	for _, w := range watchers {
		if w.Down != nil {
			w.Down(err)
		}
	}
	if was {
		l.log.Debug("disconnected", "error", err)
	}
}

func (l *Link) writeLoop(ctx context.Context, conn backend.Conn) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.wake:
		}
		l.mu.Lock()
		out := l.out
		l.out = nil
		l.mu.Unlock()
		for len(out) > 0 {
			message, rest, err := split(out)
			if err != nil {
				return err
			}
			if err := conn.Write(ctx, message); err != nil {
				return Offline(err)
			}
			out = rest
		}
	}
}

// split returns as many whole frames as fit into one message.
func split(frames []byte) (message, rest []byte, err error) {
	if len(frames) <= protocol.MaxMessage {
		return frames, nil, nil
	}
	n := 0
	for n < len(frames) {
		_, after, err := protocol.ParseFrame(frames[n:])
		if err != nil {
			return nil, nil, err
		}
		end := len(frames) - len(after)
		if end > protocol.MaxMessage {
			break
		}
		n = end
	}
	return frames[:n], frames[n:], nil
}

func (l *Link) readLoop(ctx context.Context, conn backend.Conn) error {
	for {
		message, err := conn.Read(ctx)
		if err != nil {
			return Offline(err)
		}
		for len(message) > 0 {
			var f protocol.Frame
			if f, message, err = protocol.ParseFrame(message); err != nil {
				return err
			}
			if err := l.dispatch(f); err != nil {
				return err
			}
		}
	}
}

func (l *Link) dispatch(f protocol.Frame) error {
	switch f.Kind {
	case protocol.KindEvent:
		return l.dispatchEvent(f)
	case protocol.KindResponse, protocol.KindError:
		l.mu.Lock()
		call, ok := l.pending[f.ID]
		delete(l.pending, f.ID)
		l.mu.Unlock()
		if !ok {
			return fmt.Errorf("%w: an answer to no request", protocol.ErrMalformed)
		}
		if f.Kind == protocol.KindError {
			err := protocol.ErrorFrom(f)
			if !errors.As(err, new(*protocol.Error)) {
				call.done(nil, Offline(err))
				return err
			}
			call.done(nil, err)
			return nil
		}
		body, err := protocol.NewResult(call.op)
		if err == nil {
			err = protocol.DecodeBody(f.Body, body)
		}
		if err != nil {
			call.done(nil, Offline(err))
			return err
		}
		call.done(body, nil)
		return nil
	}
	return fmt.Errorf("%w: a request from the server", protocol.ErrMalformed)
}

func (l *Link) dispatchEvent(f protocol.Frame) error {
	t := protocol.EventType(f.Code)
	body, err := protocol.NewEvent(t)
	if err != nil {
		return err
	}
	if err := protocol.DecodeBody(f.Body, body); err != nil {
		return err
	}
	var channel protocol.ChannelID
	switch b := body.(type) {
	case *protocol.Entry:
		channel = b.Channel
	case *protocol.CaughtUp:
		channel = b.Channel
	case *protocol.Signal:
		channel = b.Channel
	default:
		l.mu.Lock()
		watchers := make([]Watcher, 0, len(l.watchers))
		for _, w := range l.watchers {
			watchers = append(watchers, w)
		}
		l.mu.Unlock()
		for _, w := range watchers {
			if w.Event != nil {
				w.Event(t, body)
			}
		}
		return nil
	}
	l.mu.Lock()
	fn := l.entries[channel]
	l.mu.Unlock()
	if fn != nil {
		fn(t, body)
	}
	return nil
}

// Offline makes sure that an error of the network wraps ErrOffline, unless the
// server is not to be contacted.
func Offline(err error) error {
	if err == nil || errors.Is(err, backend.ErrOffline) || errors.Is(err, backend.ErrPrivateHost) {
		return err
	}
	return fmt.Errorf("%w: %w", backend.ErrOffline, err)
}
