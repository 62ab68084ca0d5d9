// SPDX-License-Identifier: AGPL-3.0-or-later

package origin

import (
	"net"
	"net/netip"
	"sync"

	"github.com/securecrypt/securecrypt/server/fairness"
)

// Guard returns a listener that closes at once what is over the bounds for
// connections, before anything is read or allocated for it. Connections of
// trusted proxies are bounded together alone.
func (r *Resolver) Guard(l net.Listener) net.Listener { return &guard{Listener: l, r: r} }

type guard struct {
	net.Listener
	r *Resolver
}

// Accept implements [net.Listener].
func (g *guard) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := g.r.Origins.Enter(g.addressOf(c), "")
		if g.r.Shares.Take(from, fairness.Sockets, 1) {
			return &guarded{Conn: c, leave: sync.OnceFunc(func() {
				g.r.Shares.Give(from, fairness.Sockets, 1)
				from.Leave()
			})}, nil
		}
		from.Leave()
		g.r.Refused()
		_ = c.Close() // nothing was said on it
	}
}

// addressOf returns the address that a connection counts for, none for a proxy.
func (g *guard) addressOf(c net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil || g.r.Proxies.Trusts(ap.Addr()) {
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
