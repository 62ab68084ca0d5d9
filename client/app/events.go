// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"errors"
	"slices"
	"sync"

	"github.com/securecrypt/securecrypt/client/chat"
)

// An Event is told to interfaces.
type Event struct {
	Name string `json:"name"` // a key of Events
	Data any    `json:"data"`
}

// queue turns the events of the core into those of an interface, in one
// goroutine of its own: the core must not wait, and must not be called back.
type queue struct {
	out func([]Event)

	mu      sync.Mutex // guards what follows
	wake    *sync.Cond
	waiting []any // client.Event, or an Event that is ready
	from    *profile
	away    map[string]chat.ConnectionEvent // by server, of those that cannot be reached
	account chat.AccountEvent               // the last one
	clock   chat.ClockEvent                 // the last one
	closed  bool
	idle    sync.WaitGroup
}

func newQueue(tell func([]Event)) *queue {
	q := &queue{out: tell, away: map[string]chat.ConnectionEvent{}}
	q.wake = sync.NewCond(&q.mu)
	q.idle.Go(q.run)
	return q
}

// push queues an event of the core.
func (q *queue) push(e chat.Event) { q.add(e) }

// tell queues an event that is ready.
func (q *queue) tell(e Event) { q.add(e) }

func (q *queue) add(e any) {
	q.mu.Lock()
	switch was := q.trouble(); now := e.(type) {
	case chat.AccountEvent:
		q.account = now
		e = q.troubleSince(was)
	case chat.ClockEvent:
		q.clock = now
		e = q.troubleSince(was)
	}
	if e != nil {
		q.waiting = append(q.waiting, e)
	}
	if c, ok := e.(chat.ConnectionEvent); ok {
		delete(q.away, c.Host)
		if !c.Online && c.Err != nil {
			q.away[c.Host] = c
		}
	}
	q.mu.Unlock()
	q.wake.Signal()
}

// repeat tells of the servers that cannot be reached, and of trouble: an
// interface that has just begun did not hear of them.
func (q *queue) repeat() {
	q.mu.Lock()
	for _, c := range q.away {
		q.waiting = append(q.waiting, c)
	}
	if e := q.troubleSince(Trouble{}); e != nil {
		q.waiting = append(q.waiting, e)
	}
	q.mu.Unlock()
	q.wake.Signal()
}

// trouble returns what a person has to do something about: one thing at a time,
// the account first. The lock is held.
func (q *queue) trouble() Trouble {
	switch {
	case errors.Is(q.account.Err, chat.ErrProfileCopied):
		return Trouble{Kind: "copied"}
	case errors.Is(q.account.Err, chat.ErrNoAccount):
		return Trouble{Kind: "gone"}
	case errors.Is(q.account.Err, chat.ErrRevoked):
		return Trouble{Kind: "revoked", At: revokedAt(q.account.Err)}
	case q.clock.Ahead != 0:
		return Trouble{Kind: "clock", Ahead: int64(q.clock.Ahead.Seconds())}
	}
	return Trouble{}
}

func revokedAt(err error) Millis {
	var revoked *chat.RevokedError
	if errors.As(err, &revoked) {
		return millis(revoked.At)
	}
	return 0
}

// troubleSince returns the event that tells of trouble, nil if it is as it was.
func (q *queue) troubleSince(was Trouble) any {
	if now := q.trouble(); now != was {
		return Event{"trouble", now}
	}
	return nil
}

// profile says whose events these are from now on; those of another are dropped.
func (q *queue) profile(p *profile) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.from = p
	if p == nil {
		q.waiting, q.account, q.clock = nil, chat.AccountEvent{}, chat.ClockEvent{}
		clear(q.away)
	}
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.wake.Signal()
	q.idle.Wait()
}

func (q *queue) run() {
	for {
		q.mu.Lock()
		for len(q.waiting) == 0 && !q.closed {
			q.wake.Wait()
		}
		batch, from, closed := q.waiting, q.from, q.closed
		q.waiting = nil
		q.mu.Unlock()
		if closed {
			return
		}
		if out := convert(from, batch); len(out) > 0 {
			q.out(out)
		}
		if from != nil && slices.ContainsFunc(batch, isNewMessage) {
			_ = from.Messages().ForgetInbox() // what is left goes the next time
		}
	}
}

// convert makes events for an interface. Of several about one conversation or
// one file the last counts.
func convert(from *profile, batch []any) []Event {
	last := map[any]int{}
	for i, e := range batch {
		if k := subject(e); k != nil {
			last[k] = i
		}
	}
	var out []Event
	v := view{profile: from}
	for i, e := range batch {
		if k := subject(e); k != nil && last[k] != i {
			continue
		}
		switch e := e.(type) {
		case Event:
			out = append(out, e)
		case chat.Event:
			if from != nil {
				out = append(out, v.event(e)...)
			}
		}
	}
	return out
}

func isNewMessage(e any) bool {
	m, ok := e.(chat.MessageEvent)
	return ok && m.New
}
