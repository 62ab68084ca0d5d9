// SPDX-License-Identifier: AGPL-3.0-or-later

package link

import (
	"context"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/protocol"
)

// ForeignAnswerTimeout is the longest wait for another server's answer.
const ForeignAnswerTimeout = 20 * time.Second

// A Config is what a network needs from outside.
type Config struct {
	Home      string // the account's own server
	Transport backend.Transport
	Log       backend.Logger
	Spawn     func(func())         // runs a goroutine that the client waits for
	Emit      func(chat.Event)     // tells interfaces
	Hello     func(protocol.Hello) // called for each connection that begins
	SignIn    func()               // begins to sign in, if that was not done
}

// A Network has all connections of a profile, and what was found out about their
// servers.
type Network struct {
	Config
	ctx     context.Context // ends with the client
	Gate    *Gate           // of the connections that carry channels
	Pool    *pool
	Errands *errands
	older   sync.Map // servers that refuse fields which they do not know, by host
}

// New returns a network without connections.
func New(ctx context.Context, cfg Config) *Network {
	n := &Network{Config: cfg, ctx: ctx, Gate: newSessionGate(cfg.SignIn)}
	n.Pool, n.Errands = newPool(n), newErrands(n)
	return n
}

// NewLink returns a connection to a server. Those to other servers than the
// account's own share slots.
func (n *Network) NewLink(host string, foreign *slots) *Link {
	l := newLink(host, n.Transport, n.Log)
	l.Watch(Watcher{Up: n.Hello})
	if l.own = !n.IsForeign(host); !l.own {
		l.slots = foreign
	}
	return l
}

// IsForeign reports whether a server is another one than the account's own.
func (n *Network) IsForeign(host string) bool { return host != n.Home }

// Announce makes events of what happens to a connection until ctx ends.
func (n *Network) Announce(ctx context.Context, l *Link) {
	l.Watch(Watcher{
		Up: func(protocol.Hello) { n.Emit(chat.ConnectionEvent{Host: l.host, Online: true}) },
		Down: func(err error) {
			if ctx.Err() == nil {
				n.Emit(chat.ConnectionEvent{Host: l.host, Err: err})
			}
		},
	})
}

// DedicatedLink returns a connection for one purpose, which lasts until ctx
// ends, so that the server cannot link its requests to conversations.
func (n *Network) DedicatedLink(ctx context.Context, host string) *Link {
	l := n.NewLink(host, n.Errands.foreign)
	n.Spawn(func() { l.Run(ctx) })
	return l
}

// RequestOnDedicatedLink sends a request to the account's server on a connection
// of its own.
func (n *Network) RequestOnDedicatedLink(ctx context.Context, op protocol.Op, body protocol.Body) (protocol.Body, error) {
	ctx, cancel := context.WithTimeout(ctx, ForeignAnswerTimeout)
	defer cancel()
	return n.DedicatedLink(ctx, n.Home).Call(ctx, op, body)
}
