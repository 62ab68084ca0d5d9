// SPDX-License-Identifier: AGPL-3.0-or-later

package link

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
)

// errandLinger is how long a connection for errands waits for another one.
const errandLinger = time.Second

// An errand is what a short connection carries: one kind of request, and never
// a channel.
type errand uint8

const (
	ErrandLookup errand = iota // chains of accounts, many in one request
	ErrandTake                 // key packages
	ErrandLetter
)

// errandConnections is the number of connections over which errands of one kind
// are distributed at random, so that few of them share one.
const errandConnections = 4

type errandKey struct {
	host string
	errand
	n int
}

// errands has the short connections to servers. Requests of one kind that go to
// one server at a time share one, which is dialled once: if that fails, all of
// them fail.
type errands struct {
	net     *Network
	foreign *slots

	mu    sync.Mutex // guards links and what they count
	links map[errandKey]*errandLink
}

type errandLink struct {
	*Link
	users int
	idle  *time.Timer // ends the connection
	end   context.CancelFunc
}

func newErrands(n *Network) *errands {
	return &errands{net: n, foreign: &slots{most: MaxForeignErrands, turn: ForeignAnswerTimeout}, links: map[errandKey]*errandLink{}}
}

// Call sends a request on a connection that carries nothing but its kind, and
// waits for the answer.
func (e *errands) Call(ctx context.Context, host string, kind errand, op protocol.Op, body protocol.Body) (protocol.Body, error) {
	if err := e.net.CheckHost(host); err != nil {
		return nil, err
	}
	k := errandKey{host: host, errand: kind}
	if kind != ErrandLookup {
		k.n = rand.N(errandConnections)
	}
	l := e.use(k)
	defer e.leave(k, l)
	if err := l.Ready(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, ForeignAnswerTimeout)
	defer cancel()
	return l.Call(ctx, op, body)
}

func (e *errands) use(k errandKey) *errandLink {
	e.mu.Lock()
	defer e.mu.Unlock()
	if l := e.links[k]; l != nil {
		l.users++
		if l.idle != nil {
			l.idle.Stop()
			l.idle = nil
		}
		return l
	}
	n := e.net
	l := &errandLink{Link: n.NewLink(k.host, e.foreign), users: 1}
	l.over = make(chan struct{})
	ctx, end := context.WithCancel(n.ctx)
	l.end = end
	e.links[k] = l
	if !l.own { // of the own server other connections tell
		n.Announce(ctx, l.Link)
	}
	n.Spawn(func() {
		defer end()
		err := l.session(ctx)
		e.forget(k, l)
		l.disconnect(err)
		close(l.over)
	})
	return l
}

// forget has the next request of the kind dial again.
func (e *errands) forget(k errandKey, l *errandLink) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.links[k] == l {
		delete(e.links, k)
	}
}

func (e *errands) leave(k errandKey, l *errandLink) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l.users--
	if l.users > 0 {
		return
	}
	l.idle = time.AfterFunc(errandLinger, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if l.users == 0 && e.links[k] == l {
			delete(e.links, k)
			l.end()
		}
	})
}
