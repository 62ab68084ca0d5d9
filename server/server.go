// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/internal/clock"
	"github.com/securecrypt/securecrypt/server/internal/connection"
	"github.com/securecrypt/securecrypt/server/internal/metrics"
	"github.com/securecrypt/securecrypt/server/internal/origin"
	"github.com/securecrypt/securecrypt/server/internal/pace"
	"github.com/securecrypt/securecrypt/server/internal/uploads"
	"github.com/securecrypt/securecrypt/server/internal/vaults"
)

// A Server is one node of the relay. Its methods may be called concurrently.
type Server struct {
	host         string
	store        Store
	blobs        Blobs
	bus          Bus
	now          func() time.Time
	began        time.Time // a reading of now, for its monotonic part
	clock        *clock.Clock
	clockDoubted atomic.Bool // and that was logged
	noted        func(StateRow)
	random       *lockedReader
	log          *slog.Logger
	registration Registration
	limits       fairness.Limits
	page         http.Handler
	pusher       Pusher
	room         func() (uint64, error)
	full         bool // the disk was, when it was last looked at; Run owns it

	shares   *fairness.Shares
	origins  *fairness.OriginSet
	resolver *origin.Resolver
	targets  *targetSets
	pushing  work // pushes under way
	used     channelUse
	metrics  *metrics.Metrics
	uploads  *uploads.Handler
	vaults   *vaults.Handler
	channels *channelHub
	mailbox  *mailboxHub
	sessions *sessionSet
	// identified are those of them that speak for a device.
	identified *identifiedSet
	// incarnation is which life of its data the store is in.
	incarnation protocol.Incarnation
	work        work // what a shutdown waits for
	stopBus     func()
	node        uint64 // a random number, to know own signals by

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
		shares:       fairness.NewShares(c.Limits),
		targets:      newTargetSets(c.Limits),
		room:         c.Room,
		noted:        c.Noted,
		ctx:          ctx,
		cancel:       cancel,
	}
	s.origins = fairness.NewOriginSet(c.Limits, s.shares)
	s.resolver = origin.NewResolver(origin.Config{
		Host: c.Host, Proxies: &c.Proxies, Origins: s.origins, Shares: s.shares, Log: c.Log,
		Refused: func() { s.metrics.Refused("connections") },
	})
	var node [8]byte
	if _, err := s.random.Read(node[:]); err != nil {
		cancel()
		return nil, fmt.Errorf("server: %w", err)
	}
	s.node = binary.BigEndian.Uint64(node[:])
	s.channels = newChannelHub(s)
	s.mailbox = newMailboxHub()
	s.sessions = newSessionSet()
	s.identified = newIdentifiedSet()
	if err := s.resume(ctx, c.Uptime); err != nil {
		cancel()
		return nil, fmt.Errorf("server: reading its state: %w", err)
	}
	var err error
	if s.metrics, err = metrics.New(c.Metrics, metrics.Gauges{Shares: s.shares, ClockTrusted: s.clock.Trusted, Connections: s.sessions.count}); err != nil {
		cancel()
		return nil, err
	}
	s.uploads = s.newUploads()
	if s.vaults, err = s.newVaults(); err != nil {
		cancel()
		return nil, fmt.Errorf("server: %w", err)
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
	if w.Ended != (DeviceRef{}) {
		if w.Node != s.node {
			s.identified.end(w.Ended, nil)
		}
		return
	}
	if w.Account != "" {
		if w.Node != s.node {
			s.identified.tell(w.Account)
		}
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

// Handler returns the server's HTTP interface: the WebSocket, the blobs, the vaults,
// /health and the page.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+protocol.WebSocketPath, s.serveSocket)
	mux.Handle("GET /health", s.limitRequestTime(http.HandlerFunc(s.serveHealth)))
	s.uploads.Register(mux)
	s.vaults.Register(mux)
	if s.page != nil {
		mux.Handle("/", s.limitRequestTime(s.page))
	}
	return denyAllCSP(mux)
}

// maxHeader bounds the header of an HTTP request, in bytes.
const maxHeader = 16 << 10

// keepAlive is how long an HTTP connection may rest between requests.
const keepAlive = 30 * time.Second

// HTTPServer returns an HTTP server for the handler with this server's
// timeouts. It logs nothing: its messages hold addresses.
func (s *Server) HTTPServer() *http.Server {
	return &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: s.limits.HeaderTimeout,
		IdleTimeout:       keepAlive,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
}

// Guard returns a listener that closes at once what is over the bounds for
// connections, before anything is read or allocated for it.
func (s *Server) Guard(l net.Listener) net.Listener { return s.resolver.Guard(l) }

// limitRequestTime limits how long a request may take: its body must arrive soon,
// and the client must keep reading the answer.
func (s *Server) limitRequestTime(h http.Handler) http.Handler {
	return pace.Brief(h, s.now, s.limits.HeaderTimeout, s.limits.WriteTimeout)
}

// denyAllCSP keeps browsers from running, framing or guessing the type of an
// answer. The page, which has scripts, sets its own policy instead.
func denyAllCSP(h http.Handler) http.Handler {
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
	if s.room != nil {
		if free, err := s.room(); err == nil && free == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "the disk has no more room than the reserve: nothing new is stored\n")
			return
		}
	}
	if !s.clock.Trusted() {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "the clock is not what it should be: all else works, but nothing expires until it is right, or: securecryptd clock confirm\n")
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
	from := s.resolver.Enter(r)
	s.resolver.WarnOfProxy(r)
	if _, ok := from.Take(fairness.RateConnect, 1, s.now()); !ok {
		from.Leave()
		s.metrics.Refused("rate")
		http.Error(w, "too many connections; try again later", http.StatusTooManyRequests)
		return
	}
	if s.sessions.isStopping() || !s.shares.Take(from, fairness.Connections, 1) {
		from.Leave()
		s.metrics.Refused("connections")
		http.Error(w, "too many connections", http.StatusServiceUnavailable)
		return
	}
	ss := s.upgrade(w, r, from)
	if ss == nil {
		s.shares.Give(from, fairness.Connections, 1)
		from.Leave()
		return
	}
	// A goroutine of its own lets go of all that the HTTP server kept for the
	// handshake.
	go func() {
		ss.run()
		s.shares.Give(from, fairness.Connections, 1)
		from.Leave()
		s.sessions.remove(ss)
	}()
}

// upgrade makes a session of a request, or returns nil.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, from *fairness.Origin) *session {
	conn, rw, _, err := ws.HTTPUpgrader{Timeout: s.limits.HeaderTimeout}.Upgrade(r, w)
	if err != nil {
		if conn != nil {
			_ = conn.Close() // the handshake failed; nothing to save
		}
		return nil
	}
	early, _ := rw.Reader.Peek(rw.Reader.Buffered()) // what is buffered can be peeked
	k := connection.NewSocket(conn, early, connection.SocketConfig{
		Shares: s.shares, From: from, MessageTimeout: s.limits.MessageTimeout, WriteTimeout: s.limits.WriteTimeout, Now: s.now,
	})
	ss, err := newSession(s, k, from)
	if err != nil {
		_ = conn.Close() // nothing was said on it
		return nil
	}
	if !s.sessions.add(ss) {
		_ = k.CloseWith(ws.StatusGoingAway) // the server stops
		return nil
	}
	return ss
}

// Run does what is to be done from time to time, until ctx ends: it deletes
// what has expired, pings connections and forgets rate limits.
func (s *Server) Run(ctx context.Context) {
	s.tidy(ctx)
	ping := time.NewTicker(s.limits.PingInterval)
	defer ping.Stop()
	sweep := time.NewTicker(fairness.DefaultSweepInterval)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ping.C:
			s.pingAll()
		case <-sweep.C:
			s.tidy(ctx)
		}
	}
}

// tidy does what is to be done each minute.
func (s *Server) tidy(ctx context.Context) {
	now := s.now()
	s.origins.Forget(now)
	s.targets.forget(now)
	if err := s.measure(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("the room on the disk could not be measured", "kind", errorKind(err))
	}
	if err := s.saveChannelUse(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("noting which channels are used failed; it is tried again later", "kind", errorKind(err))
	}
	if !s.checkClock(ctx) {
		return
	}
	if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("deleting what has expired failed; it is tried again later", "kind", errorKind(err))
	}
}

func (s *Server) pingAll() {
	now := s.now().Sub(s.began)
	for _, ss := range s.sessions.all() {
		idle := now - time.Duration(ss.lastSeen.Load())
		switch {
		case idle > s.limits.IdleTimeout:
			s.metrics.Dropped("idle")
			ss.shut(ws.StatusGoingAway)
		case idle > s.limits.PingInterval/2:
			go func() {
				if ss.wire.Ping() != nil {
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
			ss.out.Drain()
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
	return errors.Join(err, s.pushing.wait(context.Background())) // pushes may write to the store; they end with s.ctx
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
