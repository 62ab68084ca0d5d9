// SPDX-License-Identifier: AGPL-3.0-or-later

package link

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
)

// Bounds on connections to other servers than the account's own: those that
// carry conversations, for how long one is kept from others that wait, and
// those for lookups, letters and wake-ups.
const (
	maxForeignLinks   = 48
	foreignTurn       = time.Minute
	MaxForeignErrands = 16
)

// channelsPerLink is how many channels share a connection: half of what a
// server opens on one by default.
const channelsPerLink = 512

// A Purpose is what the channels on a connection belong to. Connections for
// different purposes are never the same.
type Purpose uint8

const (
	ForNothing       Purpose = iota // there is no connection
	ForRequests                     // those that nobody accepted yet
	ForConversations                // those that go on
)

type poolKey struct {
	host string
	Purpose
}

// A pool has the connections that carry channels. A connection lasts as long
// as some channel uses it.
type pool struct {
	net     *Network
	foreign *slots

	mu    sync.Mutex // guards links and what they count
	links map[poolKey][]*ChannelLink
}

// A ChannelLink is a connection that carries channels.
type ChannelLink struct {
	*Link
	key   poolKey
	users int
	ctx   context.Context // of the connection
	end   context.CancelFunc
}

func newPool(n *Network) *pool {
	return &pool{net: n, foreign: &slots{most: maxForeignLinks, turn: foreignTurn}, links: map[poolKey][]*ChannelLink{}}
}

// Acquire returns a connection with room for one more channel.
func (p *pool) Acquire(host string, why Purpose) *ChannelLink {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := poolKey{host, why}
	for _, l := range p.links[k] {
		if l.users < channelsPerLink {
			l.users++
			return l
		}
	}
	l := &ChannelLink{Link: p.net.NewLink(host, p.foreign), key: k, users: 1}
	p.links[k] = append(p.links[k], l)
	l.gate = p.net.Gate
	l.ctx, l.end = context.WithCancel(p.net.ctx)
	if why == ForConversations {
		p.net.Announce(l.ctx, l.Link)
	}
	p.net.Spawn(func() { l.Run(l.ctx) })
	return l
}

// Promote has a connection for requests carry conversations from now on, if its
// only request became one and the server has no connection for those yet.
func (p *pool) Promote(l *ChannelLink) bool {
	p.mu.Lock()
	to := poolKey{l.key.host, ForConversations}
	if l.users != 1 || len(p.links[to]) > 0 {
		p.mu.Unlock()
		return false
	}
	p.drop(l)
	l.key = to
	p.links[to] = append(p.links[to], l)
	p.mu.Unlock()
	p.net.Announce(l.ctx, l.Link)
	return true
}

// drop takes a connection out of the pool and reports whether it was the last
// of its server and purpose.
func (p *pool) drop(l *ChannelLink) (last bool) {
	rest := slices.DeleteFunc(p.links[l.key], func(x *ChannelLink) bool { return x == l })
	p.links[l.key] = rest
	if len(rest) == 0 {
		delete(p.links, l.key)
	}
	return len(rest) == 0
}

// Release ends a connection that no channel uses any more.
func (p *pool) Release(l *ChannelLink) {
	p.mu.Lock()
	l.users--
	over := l.users == 0
	last := over && p.drop(l)
	p.mu.Unlock()
	if over {
		l.end()
	}
	if last && p.net.IsForeign(l.host) && p.net.ctx.Err() == nil {
		p.net.Emit(chat.ConnectionEvent{Host: l.host})
	}
}

// Unreached returns why there is no connection to other servers, by host.
func (p *pool) Unreached() map[string]error {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]error{}
	for k, all := range p.links {
		for _, l := range all {
			if err := l.down(); err != nil && p.net.IsForeign(k.host) {
				out[k.host] = err
			}
		}
	}
	return out
}
