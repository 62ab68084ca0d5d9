// SPDX-License-Identifier: AGPL-3.0-or-later

package client

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
	errandLookup errand = iota // chains of accounts, many in one request
	errandTake                 // key packages
	errandLetter
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
	client  *Client
	foreign *slots

	mu    sync.Mutex // guards links and what they count
	links map[errandKey]*errandLink
}

type errandLink struct {
	*link
	users int
	idle  *time.Timer // ends the connection
	end   context.CancelFunc
}

func newErrands(c *Client) *errands {
	return &errands{client: c, foreign: &slots{most: maxForeignErrands, turn: foreignAnswerTimeout}, links: map[errandKey]*errandLink{}}
}

// call sends a request on a connection that carries nothing but its kind, and
// waits for the answer.
func (e *errands) call(ctx context.Context, host string, kind errand, op protocol.Op, body protocol.Body) (protocol.Body, error) {
	if err := e.client.checkHost(host); err != nil {
		return nil, err
	}
	k := errandKey{host: host, errand: kind}
	if kind != errandLookup {
		k.n = rand.N(errandConnections)
	}
	l := e.use(k)
	defer e.leave(k, l)
	if err := l.ready(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, foreignAnswerTimeout)
	defer cancel()
	return l.call(ctx, op, body)
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
	c := e.client
	l := &errandLink{link: c.newLink(k.host, e.foreign), users: 1}
	l.over = make(chan struct{})
	ctx, end := context.WithCancel(c.ctx)
	l.end = end
	e.links[k] = l
	if !l.own { // of the own server other connections tell
		c.announce(ctx, l.link)
	}
	c.spawn(func() {
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
