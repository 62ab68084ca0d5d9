// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/protocol"
)

// Bounds on connections to other servers than the account's own: those that
// carry conversations, for how long one is kept from others that wait, and
// those for lookups, letters and wake-ups.
const (
	maxForeignLinks   = 48
	foreignTurn       = time.Minute
	maxForeignErrands = 16
)

// channelsPerLink is how many channels share a connection: half of what a
// server opens on one by default.
const channelsPerLink = 512

// A purpose is what the channels on a connection belong to. Connections for
// different purposes are never the same.
type purpose uint8

const (
	forNothing       purpose = iota // there is no connection
	forRequests                     // those that nobody accepted yet
	forConversations                // those that go on
)

type poolKey struct {
	host string
	purpose
}

// A pool has the connections that carry channels. A connection lasts as long
// as some channel uses it.
type pool struct {
	client  *Client
	foreign *slots

	mu    sync.Mutex // guards links and what they count
	links map[poolKey][]*channelLink
}

// A channelLink is a connection that carries channels.
type channelLink struct {
	*link
	key   poolKey
	users int
	ctx   context.Context // of the connection
	end   context.CancelFunc
}

func newPool(c *Client) *pool {
	return &pool{client: c, foreign: &slots{most: maxForeignLinks, turn: foreignTurn}, links: map[poolKey][]*channelLink{}}
}

// acquire returns a connection with room for one more channel.
func (p *pool) acquire(host string, why purpose) *channelLink {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := poolKey{host, why}
	for _, l := range p.links[k] {
		if l.users < channelsPerLink {
			l.users++
			return l
		}
	}
	l := &channelLink{link: p.client.newLink(host, p.foreign), key: k, users: 1}
	p.links[k] = append(p.links[k], l)
	l.gate = p.client.session
	l.ctx, l.end = context.WithCancel(p.client.ctx)
	if why == forConversations {
		p.client.announce(l.ctx, l.link)
	}
	p.client.spawn(func() { l.run(l.ctx) })
	return l
}

// promote has a connection for requests carry conversations from now on, if its
// only request became one and the server has no connection for those yet.
func (p *pool) promote(l *channelLink) bool {
	p.mu.Lock()
	to := poolKey{l.key.host, forConversations}
	if l.users != 1 || len(p.links[to]) > 0 {
		p.mu.Unlock()
		return false
	}
	p.drop(l)
	l.key = to
	p.links[to] = append(p.links[to], l)
	p.mu.Unlock()
	p.client.announce(l.ctx, l.link)
	return true
}

// drop takes a connection out of the pool and reports whether it was the last
// of its server and purpose.
func (p *pool) drop(l *channelLink) (last bool) {
	rest := slices.DeleteFunc(p.links[l.key], func(x *channelLink) bool { return x == l })
	p.links[l.key] = rest
	if len(rest) == 0 {
		delete(p.links, l.key)
	}
	return len(rest) == 0
}

// release ends a connection that no channel uses any more.
func (p *pool) release(l *channelLink) {
	p.mu.Lock()
	l.users--
	over := l.users == 0
	last := over && p.drop(l)
	p.mu.Unlock()
	if over {
		l.end()
	}
	if last && p.client.isForeign(l.host) && p.client.ctx.Err() == nil {
		p.client.emit(chat.ConnectionEvent{Host: l.host})
	}
}

// newLink returns a connection to a server. Those to other servers than the
// account's own share slots.
func (c *Client) newLink(host string, foreign *slots) *link {
	l := newLink(host, c.config.Transport, c.log)
	l.watch(watcher{up: c.compareClocks})
	if l.own = !c.isForeign(host); !l.own {
		l.slots = foreign
	}
	return l
}

// isForeign reports whether a server is another one than the account's own.
func (c *Client) isForeign(host string) bool { return host != c.self.address.Host }

// announce makes events of what happens to a connection until ctx ends.
func (c *Client) announce(ctx context.Context, l *link) {
	l.watch(watcher{
		up: func(protocol.Hello) { c.emit(chat.ConnectionEvent{Host: l.host, Online: true}) },
		down: func(err error) {
			if ctx.Err() == nil {
				c.emit(chat.ConnectionEvent{Host: l.host, Err: err})
			}
		},
	})
}

// unreached returns why there is no connection to other servers, by host.
func (p *pool) unreached() map[string]error {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]error{}
	for k, all := range p.links {
		for _, l := range all {
			if err := l.down(); err != nil && p.client.isForeign(k.host) {
				out[k.host] = err
			}
		}
	}
	return out
}
