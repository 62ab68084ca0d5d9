// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"slices"
	"sync/atomic"

	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/protocol"
)

// Bounds on the events that wait for an actor, in number and in bytes, and for
// all actors of a server together.
const (
	queueEvents   = 512
	queueAllBytes = 64 << 20
	inputCost     = 256 // in bytes, besides the ciphertext
)

// A servedQueue keeps what the server sent for one conversation, in its order,
// until the machine takes it. It never holds the connection up: events that
// there is no room for are dropped, and the machine hears of it. Answers to
// requests are as many as the requests and always have room.
type servedQueue struct {
	inputs []machine.Input
	bytes  int64
	lost   bool          // events are dropped until the machine has taken inputLost
	all    *atomic.Int64 // bytes in all queues of the server
}

// queuedAt returns the count of the bytes that wait from a server.
func (c *Client) queuedAt(host string) *atomic.Int64 {
	n, _ := c.queued.LoadOrStore(host, new(atomic.Int64))
	return n.(*atomic.Int64)
}

// put queues an answer to a request, or a change of the connection.
func (q *servedQueue) put(in machine.Input) { q.inputs = append(q.inputs, in) }

// offer queues an event if there is room.
func (q *servedQueue) offer(in machine.Input) {
	cost := eventCost(in)
	full := len(q.inputs) >= queueEvents || q.bytes+cost > machine.QueueBytes || q.all.Load()+cost > queueAllBytes
	switch {
	case q.lost:
	case !full:
		q.inputs = append(q.inputs, in)
		q.count(cost)
	case !mayBeDropped(in):
		q.lost = true
		q.put(machine.InputLost{})
	}
}

// take returns the first n inputs at most, and only those before the first entry
// unless entries are wanted.
func (q *servedQueue) take(n int, entries bool) []machine.Input {
	n = min(n, len(q.inputs))
	if i := slices.IndexFunc(q.inputs[:n], isEntry); i >= 0 && !entries {
		n = i
	}
	some := q.inputs[:n:n]
	q.inputs = append([]machine.Input(nil), q.inputs[n:]...)
	for _, in := range some {
		q.count(-eventCost(in))
		if _, ok := in.(machine.InputLost); ok {
			q.lost = false
		}
	}
	return some
}

// clear drops everything.
func (q *servedQueue) clear() { q.take(len(q.inputs), true) }

func (q *servedQueue) count(cost int64) {
	q.bytes += cost
	q.all.Add(cost)
}

// eventCost is what an event counts for; other inputs cost nothing.
func eventCost(in machine.Input) int64 {
	switch in := in.(type) {
	case machine.InputEntry:
		return inputCost + int64(len(in.Entry.Ciphertext))
	case machine.InputSignal:
		return inputCost + int64(len(in.Signal.Ciphertext))
	case machine.InputCaughtUp:
		return inputCost
	}
	return 0
}

func isEntry(in machine.Input) bool {
	_, ok := in.(machine.InputEntry)
	return ok
}

// mayBeDropped reports whether an event may be lost.
func mayBeDropped(in machine.Input) bool {
	_, ok := in.(machine.InputSignal)
	return ok
}

// event queues an event of the channel.
func (a *actor) event(_ protocol.EventType, b protocol.Body) {
	var in machine.Input
	switch body := b.(type) {
	case *protocol.Entry:
		if a.exceedsRequestBudget(body) {
			return
		}
		in = machine.InputEntry{Entry: *body}
	case *protocol.CaughtUp:
		in = machine.InputCaughtUp{CaughtUp: *body}
	case *protocol.Signal:
		in = machine.InputSignal{Signal: *body}
	default:
		return
	}
	a.mu.Lock()
	if !a.closed {
		a.served.offer(in)
	}
	a.mu.Unlock()
	a.signal()
}
