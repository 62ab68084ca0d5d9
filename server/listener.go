// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// spareConnections is how many TCP connections there may be besides those that
// become sessions: for blobs and for handshakes under way.
const spareConnections = 512

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
func (s *Server) Guard(l net.Listener) net.Listener {
	return &guard{
		Listener: l, s: s,
		most: s.limits.MaxConnections + spareConnections, mostOfOne: s.limits.MaxAddressConnections + spareConnections/4,
		byOrigin: map[origin]int{},
	}
}

type guard struct {
	net.Listener
	s               *Server
	most, mostOfOne int

	mu       sync.Mutex
	count    int
	byOrigin map[origin]int
}

// Accept implements [net.Listener].
func (g *guard) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := originOfConn(c)
		if g.enter(from) {
			return &guarded{Conn: c, leave: sync.OnceFunc(func() { g.leave(from) })}, nil
		}
		g.s.metrics.refused("connections")
		_ = c.Close() // nothing was said on it
	}
}

func originOfConn(c net.Conn) origin {
	ap, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return origin{}
	}
	return originOf(ap.Addr())
}

func (g *guard) enter(from origin) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.count >= g.most || g.byOrigin[from] >= g.mostOfOne {
		return false
	}
	g.count++
	g.byOrigin[from]++
	return true
}

func (g *guard) leave(from origin) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count--
	if g.byOrigin[from]--; g.byOrigin[from] == 0 {
		delete(g.byOrigin, from)
	}
}

// guarded is a connection that gives its place back when it is closed.
type guarded struct {
	net.Conn
	leave func()
}

// Close implements [net.Conn].
func (c *guarded) Close() error {
	c.leave()
	return c.Conn.Close()
}
