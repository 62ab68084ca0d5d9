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

	"github.com/securecrypt/securecrypt/server/fairness"
)

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
// connections, before anything is read or allocated for it. Connections of
// trusted proxies are bounded together alone.
func (s *Server) Guard(l net.Listener) net.Listener { return &guard{Listener: l, s: s} }

type guard struct {
	net.Listener
	s *Server
}

// Accept implements [net.Listener].
func (g *guard) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := g.s.origins.Enter(g.addressOf(c), "")
		if g.s.shares.Take(from, fairness.Sockets, 1) {
			return &guarded{Conn: c, leave: sync.OnceFunc(func() {
				g.s.shares.Give(from, fairness.Sockets, 1)
				from.Leave()
			})}, nil
		}
		from.Leave()
		g.s.metrics.refused("connections")
		_ = c.Close() // nothing was said on it
	}
}

// addressOf returns the address that a connection counts for, none for a proxy.
func (g *guard) addressOf(c net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil || g.s.proxies.Trusts(ap.Addr()) {
		return netip.Addr{}
	}
	return ap.Addr()
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
