// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/securecrypt/securecrypt/protocol"
)

// A Server is one node of the relay. Its methods may be called concurrently.
type Server struct {
	host         string
	store        Store
	blobs        Blobs
	bus          Bus
	now          func() time.Time
	random       *lockedReader
	log          *slog.Logger
	registration Registration
	limits       Limits
	page         http.Handler
	pusher       Pusher

	limiters  *limiters
	memory    *budget // of requests
	queued    *budget // of what is to be sent
	uploads   chan struct{}
	uploading *blobLocks
	pushing   chan struct{} // one element for each push under way
	metrics   *metrics
	channels  *channelHub
	mailbox   *mailboxHub
	sessions  *sessionSet
	work      work // what a shutdown waits for
	stopBus   func()
	node      uint64 // a random number, to know own signals by

	// ctx ends when the server stops.
	ctx    context.Context
	cancel context.CancelFunc
}

// New returns a server. It is to be stopped with Close.
func New(c Config) (*Server, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		host: c.Host, store: c.Store, blobs: c.Blobs, bus: c.Bus, now: c.Now, log: c.Log,
		random:       &lockedReader{r: c.Random},
		registration: c.Registration,
		limits:       *c.Limits,
		page:         c.Page,
		pusher:       c.Pusher,
		limiters:     newLimiters(c.Limits),
		memory:       newBudget(c.Limits.MaxMemory),
		queued:       newBudget(c.Limits.MaxMemory),
		uploads:      make(chan struct{}, c.Limits.MaxUploads),
		uploading:    newBlobLocks(),
		pushing:      make(chan struct{}, c.Limits.MaxPushes),
		ctx:          ctx,
		cancel:       cancel,
	}
	var node [8]byte
	if _, err := s.random.Read(node[:]); err != nil {
		cancel()
		return nil, fmt.Errorf("server: %w", err)
	}
	s.node = binary.BigEndian.Uint64(node[:])
	s.channels = newChannelHub(s)
	s.mailbox = newMailboxHub()
	s.sessions = newSessionSet(s.limits.MaxConnections, s.limits.MaxAddressConnections)
	var err error
	if s.metrics, err = newMetrics(c.Metrics, s); err != nil {
		cancel()
		return nil, err
	}
	s.stopBus = func() {}
	if s.bus != nil {
		s.stopBus = s.bus.Subscribe(s.wake)
	}
	return s, nil
}

func (s *Server) wake(w Wake) {
	if w.Mailbox != (DeviceRef{}) {
		s.mailbox.wake(w.Mailbox)
		return
	}
	if w.Signal != nil {
		if w.Node != s.node {
			s.channels.show(w.Signal)
		}
		return
	}
	s.channels.wake(w.Channel, w.Last)
}

func (s *Server) publish(w Wake) {
	if s.bus != nil {
		s.bus.Publish(w)
	}
}

// Handler returns the server's HTTP face: the WebSocket, the blobs, /health and
// the page.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+protocol.WebSocketPath, s.serveSocket)
	mux.HandleFunc("GET /health", s.serveHealth)
	s.handleBlobs(mux)
	if s.page != nil {
		mux.Handle("/", s.page)
	}
	return inert(mux)
}

// inert keeps whatever a browser shows of an answer from doing anything. The
// page, which is to do something, says itself what.
func inert(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("X-Content-Type-Options", "nosniff")
		h.ServeHTTP(w, r)
	})
}

func (s *Server) serveHealth(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if s.ctx.Err() != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "stopping\n") // the client may have gone
		return
	}
	_, err := s.channelCount(r.Context())
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "the store does not answer\n")
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

func (s *Server) channelCount(ctx context.Context) (n uint64, err error) {
	err = s.store.View(ctx, func(tx ReadTx) error {
		n, err = tx.Channels().Count()
		return err
	})
	return n, err
}

// remoteOf returns where a request comes from, for rate limits.
func remoteOf(r *http.Request) origin {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return origin{}
	}
	return originOf(ap.Addr())
}

// serveSocket takes connections from pages of any origin, as conversations lie
// on many servers and the application may come from elsewhere. That gives
// other sites nothing: a browser adds no right of its user's to a handshake,
// there being no cookies, and who a connection speaks for is shown by
// signatures over its own nonce.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		http.Error(w, "this address is for WebSockets", http.StatusBadRequest)
		return
	}
	from := remoteOf(r)
	if _, ok := s.limiters.connect.take(from, 1, s.now()); !ok {
		s.metrics.refused("rate")
		http.Error(w, "too many connections; try again later", http.StatusTooManyRequests)
		return
	}
	if !s.sessions.reserve(from) {
		s.metrics.refused("connections")
		http.Error(w, "too many connections", http.StatusServiceUnavailable)
		return
	}
	conn, rw, _, err := ws.HTTPUpgrader{Timeout: s.limits.HeaderTimeout}.Upgrade(r, w)
	if err != nil {
		s.sessions.unreserve(from)
		if conn != nil {
			_ = conn.Close() // the handshake failed; nothing to save
		}
		return
	}
	early, _ := rw.Reader.Peek(rw.Reader.Buffered()) // what is buffered can be peeked
	k := newSocket(conn, early, s)
	ss, err := newSession(s, k, from)
	if err != nil {
		s.sessions.unreserve(from)
		_ = conn.Close() // nothing was said on it
		return
	}
	if !s.sessions.add(ss) {
		s.sessions.unreserve(from)
		_ = k.closeWith(ws.StatusGoingAway) // the server stops
		return
	}
	// A goroutine of its own lets go of all that the HTTP server kept for the
	// handshake.
	go func() {
		defer s.sessions.remove(ss, from)
		ss.run()
	}()
}

// Run does what is to be done from time to time, until ctx ends: it deletes
// what has expired, pings connections and forgets rate limits.
func (s *Server) Run(ctx context.Context) {
	ping := time.NewTicker(s.limits.PingInterval)
	defer ping.Stop()
	sweep := time.NewTicker(DefaultSweepInterval)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ping.C:
			s.pingAll()
		case <-sweep.C:
			s.limiters.forget(s.now())
			if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("deleting what has expired failed; it is tried again later", "kind", errorKind(err))
			}
		}
	}
}

func (s *Server) pingAll() {
	now := s.now()
	for _, ss := range s.sessions.all() {
		idle := now.Sub(time.Unix(0, ss.lastSeen.Load()))
		switch {
		case idle > s.limits.IdleTimeout:
			s.metrics.dropped("idle")
			ss.shut(ws.StatusGoingAway)
		case idle > s.limits.PingInterval/2:
			go func() {
				if ss.wire.ping() != nil {
					ss.shut(ws.StatusGoingAway)
				}
			}()
		}
	}
}

// Close stops the server: new connections and requests are refused, those under
// way are answered, then all connections are closed; those that are not done
// when ctx ends are cut. The store may be closed afterwards.
func (s *Server) Close(ctx context.Context) error {
	sessions := s.sessions.stop()
	for _, ss := range sessions {
		ss.stopReading()
	}
	err := s.work.wait(ctx)
	for _, ss := range sessions {
		go func() {
			ss.out.drain()
			ss.shut(ws.StatusGoingAway)
		}()
	}
	if waitErr := s.sessions.wait(ctx); waitErr != nil {
		err = errors.Join(err, waitErr)
		for _, ss := range sessions {
			ss.shut(ws.StatusGoingAway)
		}
	}
	s.cancel()
	s.stopBus()
	for range cap(s.pushing) { // pushes may write to the store, and no new one is to begin
		s.pushing <- struct{}{}
	}
	return err
}

// lockedReader serves randomness to many goroutines.
type lockedReader struct {
	mu sync.Mutex
	r  io.Reader
}

func (l *lockedReader) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return io.ReadFull(l.r, p)
}

// errorKind names an error for a log without its text, which could hold what
// the store holds.
func errorKind(err error) string {
	for _, k := range []struct {
		err  error
		name string
	}{{ErrFull, "full"}, {ErrCorrupt, "corrupt"}, {ErrNotFound, "not_found"}, {ErrExists, "exists"}, {context.Canceled, "stopped"}, {context.DeadlineExceeded, "timeout"}} {
		if errors.Is(err, k.err) {
			return k.name
		}
	}
	return "other"
}
