// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/internal/connection"
	"github.com/securecrypt/securecrypt/server/internal/frames"
)

// wire is what a session needs of its connection.
type wire interface {
	// ReadMessage returns the next message, which is given back with Free.
	// It calls seen at each sign of life.
	ReadMessage(seen func()) ([]byte, error)
	Free(message []byte)
	// WriteMessage sends what follows the first connection.HeaderRoom bytes of b.
	WriteMessage(b []byte) error
	Ping() error
	CloseWith(ws.StatusCode) error
}

// requestCost is what a request counts against its connection's budget besides
// its bytes.
const requestCost = 512

// session is one connection. The goroutine that runs it owns it; out, budget
// and the atomic fields are for others too.
type session struct {
	s      *Server
	wire   wire
	from   *fairness.Origin
	nonce  protocol.Nonce
	out    *connection.Outbox
	budget *fairness.Budget // of unanswered posts

	requests, posted, signals fairness.Bucket

	identity  *DeviceRef
	anonymous bool // it has used what is for anonymous connections
	openings  map[protocol.ChannelID]*opening
	letters   *letterFeed

	disclosed *builtDisclosure // that is being read
	pause     time.Duration    // of the last slowDown

	lastSeen     atomic.Int64
	followsChain atomic.Bool // it asked to be told when its account's chain got longer
	stopping     atomic.Bool
}

func newSession(s *Server, w wire, from *fairness.Origin) (*session, error) {
	ss := &session{s: s, wire: w, from: from, budget: fairness.NewBudget(s.limits.MaxInFlight)}
	if _, err := s.random.Read(ss.nonce[:]); err != nil {
		return nil, err
	}
	ss.out = connection.NewOutbox(s.ctx, connection.OutboxConfig{
		Limit: s.limits.MaxQueue, Shares: s.shares, From: from, Now: s.now, Send: w.WriteMessage,
		Failed: func(err error) {
			if !errors.Is(err, connection.ErrClosed) {
				s.metrics.Dropped("send")
			}
			ss.shut(ws.StatusGoingAway)
		},
	})
	ss.seen()
	return ss, nil
}

// seen notes when the connection gave a sign of life, without the wall clock:
// that may jump.
func (ss *session) seen() { ss.lastSeen.Store(int64(ss.s.now().Sub(ss.s.began))) }

// run serves the connection until it ends.
func (ss *session) run() {
	defer ss.end()
	ss.event(protocol.EventHello, ss.hello())
	for {
		message, err := ss.wire.ReadMessage(ss.seen)
		if err != nil {
			ss.shut(closeCode(err))
			return
		}
		ok := ss.handleMessage(message)
		ss.wire.Free(message)
		if !ok {
			return
		}
	}
}

// hello says who the server is, which life of its data this is, and what its
// clock says, so that clients notice a server that went back and a wrong clock.
func (ss *session) hello() *protocol.Hello {
	return &protocol.Hello{
		Version: protocol.Version, Host: ss.s.host, Nonce: ss.nonce,
		Incarnation: ss.s.incarnation, Time: uint64(max(0, ss.s.now().Unix())),
	}
}

// statusTryAgainLater is the close code 1013 of the IANA registry for RFC 6455.
const statusTryAgainLater ws.StatusCode = 1013

func closeCode(err error) ws.StatusCode {
	switch {
	case errors.Is(err, connection.ErrTooLarge):
		return ws.StatusMessageTooBig
	case errors.Is(err, connection.ErrNoMemory):
		return statusTryAgainLater
	case errors.Is(err, connection.ErrProtocol):
		return ws.StatusProtocolError
	case errors.Is(err, connection.ErrClosed):
		return ws.StatusNormalClosure
	}
	return ws.StatusGoingAway
}

// handleMessage reports whether the connection may go on.
func (ss *session) handleMessage(message []byte) bool {
	if len(message) == 0 {
		ss.shut(ws.StatusProtocolError)
		return false
	}
	for len(message) > 0 {
		if rest, ok := ss.handlePost(message); ok {
			message = rest
			continue
		}
		f, rest, err := protocol.ParseFrame(message)
		if err != nil || f.Kind != protocol.KindRequest {
			ss.s.metrics.Request(0, protocol.CodeMalformed)
			ss.shut(ws.StatusProtocolError)
			return false
		}
		if !ss.out.WaitRoom() {
			return false
		}
		if !ss.handleFrame(f, int64(len(message)-len(rest))) {
			return false
		}
		message = rest
	}
	return true
}

// handlePost handles what nearly all frames are without the general decoder.
// It reports false for all else, and when the session is to end.
func (ss *session) handlePost(message []byte) (rest []byte, ok bool) {
	id, post, rest, ok := frames.ParsePost(message)
	if !ok || !ss.out.WaitRoom() {
		return nil, false
	}
	ss.handleBody(request{id: id, op: protocol.OpChannelPost, size: int64(len(message) - len(rest))}, post)
	return rest, true
}

func (ss *session) handleFrame(f protocol.Frame, size int64) bool {
	op := protocol.Op(f.Code)
	body, err := protocol.NewRequest(op)
	if err != nil {
		ss.refuse(f.ID, op, protocol.CodeUnsupported)
		return true
	}
	if err := protocol.DecodeBody(f.Body, body); err != nil {
		ss.refuse(f.ID, op, protocol.CodeMalformed)
		ss.finish()
		return false
	}
	ss.handleBody(request{id: f.ID, op: op, size: size}, body)
	return true
}

func (ss *session) handleBody(r request, body protocol.Body) {
	// In this order: who stops the server refuses first and then waits.
	ss.s.work.begin()
	defer ss.s.work.end(1)
	if ss.stopping.Load() {
		ss.answer(r.id, r.op, nil, &protocol.Error{Code: protocol.CodeUnavailable, RetryAfter: unavailableFor, Reason: protocol.ReasonStopping})
		return
	}
	if wait, ok := ss.requests.Take(ss.s.limits.Request, 1, ss.s.now()); !ok {
		r.limited = &protocol.Error{Code: protocol.CodeRateLimited, RetryAfter: wait}
		if r.op != protocol.OpChannelPost && r.op != protocol.OpChannelCommit {
			ss.answer(r.id, r.op, nil, r.limited)
			ss.slowDown(r.limited)
			return
		}
	}
	result, err := ss.work(r, body)
	if !errors.Is(err, errLater) {
		ss.answer(r.id, r.op, result, err)
	}
	ss.slowDown(err)
}

// work carries a request out, in its turn among those of its origin.
func (ss *session) work(r request, body protocol.Body) (protocol.Body, error) {
	if r.op != protocol.OpChannelPost {
		if !ss.s.shares.Wait(ss.from, fairness.Working, 1, func() bool { return !ss.out.IsClosed() }) {
			return nil, refuse(protocol.CodeUnavailable)
		}
		defer ss.s.shares.Give(ss.from, fairness.Working, 1)
	}
	return ss.dispatch(r, body)
}

// How long a connection is not read after one, and after many, requests beyond
// a rate. Clients that wait as they are asked to do not notice.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 2 * time.Second
)

// slowDown stops reading for a moment from a connection that asks for too much
// in too short a time.
func (ss *session) slowDown(err error) {
	if !errors.Is(err, &protocol.Error{Code: protocol.CodeRateLimited}) {
		if err == nil {
			ss.pause = 0
		}
		return
	}
	ss.pause = min(max(2*ss.pause, firstPause), lastPause)
	select {
	case <-ss.s.ctx.Done():
	case <-time.After(ss.pause):
	}
}

// errLater says that a request will be answered by another goroutine.
var errLater = errors.New("server: answered later")

// request is what all requests have.
type request struct {
	id   uint64
	op   protocol.Op
	size int64
	// limited is why an entry is refused, in its turn.
	limited error
}

// answer sends a result or a refusal.
func (ss *session) answer(id uint64, op protocol.Op, result protocol.Body, err error) {
	if err == nil {
		b, appendErr := protocol.Append(nil, protocol.KindResponse, id, 0, result)
		if appendErr == nil && len(b) <= protocol.MaxMessage {
			ss.s.metrics.Request(op, 0)
			ss.out.Push(b)
			return
		}
		err = &protocol.Error{Code: protocol.CodeTooLarge}
	}
	refusal := ss.s.refusal(op, err)
	ss.s.metrics.Request(op, refusal.Code)
	b, appendErr := protocol.Append(nil, protocol.KindError, id, uint16(refusal.Code), refusal.Body())
	if appendErr == nil {
		ss.out.Push(b)
	}
}

func (ss *session) refuse(id uint64, op protocol.Op, code protocol.ErrorCode) {
	ss.answer(id, op, nil, &protocol.Error{Code: code})
}

// unavailableFor is how long clients are asked to wait when the server cannot
// store.
const unavailableFor = 5 * time.Second

// refusal turns an error into one of the protocol.
func (s *Server) refusal(op protocol.Op, err error) *protocol.Error {
	var refusal *protocol.Error
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.Is(err, ErrFull):
		return &protocol.Error{Code: protocol.CodeUnavailable, RetryAfter: unavailableFor, Reason: protocol.ReasonSpace}
	case s.ctx.Err() != nil:
		return &protocol.Error{Code: protocol.CodeUnavailable, RetryAfter: unavailableFor, Reason: protocol.ReasonStopping}
	}
	s.log.Error("a request failed inside the server", "operation", op.String(), "kind", errorKind(err))
	return &protocol.Error{Code: protocol.CodeInternal}
}

func (ss *session) event(t protocol.EventType, body protocol.Body) {
	b, err := protocol.Append(nil, protocol.KindEvent, 0, uint16(t), body)
	if err != nil {
		ss.s.log.Error("an event could not be encoded")
		return
	}
	ss.out.Push(b)
}

// finish lets the writer send what is queued, for a moment, before the
// connection is closed.
func (ss *session) finish() {
	ss.out.Drain()
	ss.shut(ws.StatusProtocolError)
}

// shut closes the connection; run then ends.
func (ss *session) shut(code ws.StatusCode) {
	ss.out.Close()
	_ = ss.wire.CloseWith(code) // closed already, perhaps
}

// stopReading has the session refuse further requests.
func (ss *session) stopReading() { ss.stopping.Store(true) }

func (ss *session) end() {
	ss.shut(ws.StatusGoingAway)
	if ss.identity != nil {
		ss.s.identified.remove(*ss.identity, ss)
	}
	for _, o := range ss.openings {
		o.topic.remove(o)
	}
	ss.s.shares.Give(ss.from, fairness.Openings, int64(len(ss.openings)))
	if ss.letters != nil {
		ss.s.mailbox.remove(ss.letters)
	}
	ss.dropDisclosure()
	ss.out.Wait() // it reads from the store
}
