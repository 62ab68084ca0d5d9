// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// Bounds on requests before they are answered: how many have their channel
// open at a time, and how many bytes one is heard for.
const (
	maxOpenRequests = 16
	maxRequestBytes = 1 << 20
)

// linkUse is an actor's use of a connection. But for heard, only the actor's
// goroutine changes it, under the actor's lock.
type linkUse struct {
	purpose link.Purpose
	link    *link.ChannelLink // nil if there is none
	unwatch func()
	// errands is the context of what is asked of other servers meanwhile.
	errands context.Context
	end     context.CancelFunc
	heard   int // bytes of a request's entries
}

// attach gives the actor the connection that its conversation is to have, and
// reports whether that is another one than before.
func (a *actor) attach(ctx context.Context, want link.Purpose) (moved bool) {
	if want == link.ForRequests && !a.client.requests.has(a) {
		want = link.ForNothing
	}
	if want != link.ForRequests {
		a.client.requests.drop(a)
	}
	if want == a.use.purpose {
		return false
	}
	if want == link.ForConversations && a.liftRequestBudget() && a.client.net.Pool.Promote(a.use.link) {
		return false
	}
	a.detach()
	if want == link.ForNothing {
		return true
	}
	m := linkUse{purpose: want, link: a.client.net.Pool.Acquire(a.host, want)}
	m.errands, m.end = context.WithCancel(ctx)
	a.mu.Lock()
	a.use = m
	a.mu.Unlock()
	m.link.Route(a.channel, a.event)
	stop := m.link.Watch(link.Watcher{
		Up:   a.up,
		Down: func(error) { a.serve(machine.InputDown{}) },
	})
	a.mu.Lock()
	a.use.unwatch = stop
	a.mu.Unlock()
	return true
}

// up shows the machine a connection.
func (a *actor) up(h protocol.Hello) {
	if a.client.net.IsOlder(a.host) {
		a.serve(machine.InputNoCredit{})
	}
	a.serve(machine.InputUp{Hello: h})
}

// detach gives up the connection, and what came on it and was not looked at.
func (a *actor) detach() {
	a.mu.Lock()
	m := a.use
	a.use = linkUse{}
	a.mu.Unlock()
	if m.link == nil {
		return
	}
	m.end()
	m.unwatch()
	m.link.Unroute(a.channel)
	m.link.Request(protocol.OpChannelClose, &protocol.ChannelClose{Channel: a.channel}, func(protocol.Body, error) {})
	a.client.net.Pool.Release(m.link)
	a.mu.Lock()
	a.served.clear()
	a.mu.Unlock()
	a.serve(machine.InputDown{})
}

// request sends a request on the actor's connection, if it has one and the
// conversation asked for it there.
func (a *actor) request(e machine.DoRequest, moved bool) {
	done := func(b protocol.Body, err error) {
		if open, ok := e.Body.(*protocol.ChannelOpen); ok && open.UpTo != 0 && a.client.net.FindsOlder(a.host, err) {
			a.serve(machine.InputNoCredit{})
		}
		if in := e.Done(b, err); in != nil {
			a.serve(in)
		}
	}
	if a.use.link == nil || moved {
		done(nil, backend.ErrOffline)
		return
	}
	a.use.link.Request(e.Op, e.Body, done)
}

// errandContext is for what is asked of other servers: it ends when the
// conversation must not ask any more.
func (a *actor) errandContext(ctx context.Context) context.Context {
	if a.use.errands != nil {
		return a.use.errands
	}
	return ctx
}

// exceedsRequestBudget counts the entries of a request, and ends its connection
// when they exceed what a request may deliver before it is accepted.
func (a *actor) exceedsRequestBudget(e *protocol.Entry) bool {
	a.mu.Lock()
	if a.use.purpose != link.ForRequests {
		a.mu.Unlock()
		return false
	}
	a.use.heard += len(e.Ciphertext)
	over := a.use.heard > maxRequestBytes
	a.mu.Unlock()
	if over && a.client.requests.drop(a) {
		a.tell(machine.InputTick{}, nil)
	}
	return over
}

// liftRequestBudget ends the limit for the entries of a request. It reports
// whether there is a connection from which nothing was dropped.
func (a *actor) liftRequestBudget() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.use.link == nil || a.use.heard > maxRequestBytes {
		return false
	}
	a.use.purpose = link.ForConversations
	return true
}

// requestList has the requests whose channels are open: the newest ones.
type requestList struct {
	mu   sync.Mutex
	open []*actor // the oldest first
}

func (r *requestList) has(a *actor) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.open, a)
}

// add makes a request the newest one. The oldest has to go if there are too
// many.
func (r *requestList) add(a *actor) {
	r.mu.Lock()
	var gone *actor
	if !slices.Contains(r.open, a) {
		r.open = append(r.open, a)
	}
	if len(r.open) > maxOpenRequests {
		gone, r.open = r.open[0], r.open[1:]
	}
	r.mu.Unlock()
	if gone != nil {
		gone.tell(machine.InputTick{}, nil)
	}
	a.tell(machine.InputTick{}, nil)
}

// drop reports whether the request was there.
func (r *requestList) drop(a *actor) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.open)
	r.open = slices.DeleteFunc(r.open, func(x *actor) bool { return x == a })
	return len(r.open) < n
}

// newestRequests are the requests at the account's own server that are to be
// opened at start, the oldest first.
type newestRequests []records.Stored

func (n *newestRequests) note(c *Client, s records.Stored) {
	known := slices.ContainsFunc(*n, func(o records.Stored) bool { return o.K == s.K })
	if known || c.net.IsForeign(s.Rec.Host) {
		return
	}
	at, _ := slices.BinarySearchFunc(*n, s, func(o, s records.Stored) int { return cmp.Compare(o.Rec.Activity, s.Rec.Activity) })
	*n = slices.Insert(*n, at, s)
	*n = (*n)[max(0, len(*n)-maxOpenRequests):]
}

// connect starts a conversation. A request becomes the newest of those whose
// channels are open; one at another server stays where it is.
func (c *Client) connect(k records.CID, rec *records.Conversation) {
	if rec.Status != chat.StatusRequest || rec.Expected {
		c.start(k, rec)
		return
	}
	if !c.net.IsForeign(rec.Host) {
		c.requests.add(c.start(k, rec))
	}
}
