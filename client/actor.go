// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
)

// maxQueued is how many inputs from the server wait for an actor before the
// connection is no longer read.
const maxQueued = 256

// maxBatch is how many inputs share one transaction.
const maxBatch = 64

// An actor owns one conversation: its goroutine alone runs the machine.
// Others leave inputs in its queues.
type actor struct {
	client  *Client
	id      cid
	channel protocol.ChannelID
	link    *link

	mu      sync.Mutex // guards what follows
	served  []input    // what the server sent, in its order
	local   []job      // commands and results of effects
	changed chan struct{}
	room    *sync.Cond // served has room
	closed  bool
	// state as of the last step, for whoever waits.
	snapshot snapshot
	waiters  map[chan struct{}]bool
	// alarm is the timer of the next tick, waking its time, zero if there is
	// none.
	alarm  *time.Timer
	waking time.Time
	// uploads ends those that are under way, by the number of their item.
	uploads map[uint64]context.CancelFunc
	again   *time.Timer // of the next attempt after a failed transaction
	nudges  int         // under way

	first chan struct{} // closed after the first step, which loads the machine
}

// snapshot is what waiters look at.
type snapshot struct {
	known     bool // some step has been made
	caughtUp  bool
	outbox    int // items not sent yet
	deliver   int // letters not sent yet
	following bool
	checking  bool // some member is not confirmed yet
	reporting bool // a report is on its way
	nudges    int  // devices that are being woken, by server
}

// A job is an input, and who wants to know when it is durable.
type job struct {
	in   input
	done func(error)
}

func newActor(c *Client, id cid, channel protocol.ChannelID, l *link) *actor {
	a := &actor{client: c, id: id, channel: channel, link: l, changed: make(chan struct{}, 1), waiters: map[chan struct{}]bool{}, uploads: map[uint64]context.CancelFunc{}, first: make(chan struct{})}
	a.room = sync.NewCond(&a.mu)
	return a
}

func (a *actor) signal() {
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// serve queues what came from the server; wait holds the connection back while
// the queue is full.
func (a *actor) serve(in input, wait bool) {
	a.mu.Lock()
	for wait && len(a.served) >= maxQueued && !a.closed {
		a.room.Wait()
	}
	a.served = append(a.served, in)
	a.mu.Unlock()
	a.signal()
}

// tell queues a command or a result. done, if not nil, is called once.
func (a *actor) tell(in input, done func(error)) {
	a.mu.Lock()
	closed := a.closed
	if !closed {
		a.local = append(a.local, job{in, done})
	}
	a.mu.Unlock()
	if closed {
		if done != nil {
			done(context.Canceled)
		}
		return
	}
	a.signal()
}

// ask is tell, waiting for the outcome.
func (a *actor) ask(ctx context.Context, in input) error {
	result := make(chan error, 1)
	a.tell(in, func(err error) { result <- err })
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// run feeds the machine until ctx ends.
func (a *actor) run(ctx context.Context) {
	defer a.shut()
	stop := a.link.watch(watcher{
		up:   func(h protocol.Hello) { a.serve(inputUp{h}, false) },
		down: func(error) { a.serve(inputDown{}, false) },
	})
	defer stop()
	a.link.route(a.channel, a.event)
	var machine *conversation
	var loaded sync.Once
	for {
		batch := a.next(machine != nil && machine.waiting != nil)
		if len(batch) == 0 {
			select {
			case <-ctx.Done():
				return
			case <-a.changed:
			}
			continue
		}
		if ctx.Err() != nil {
			for _, j := range batch {
				j.finish(ctx.Err())
			}
			return
		}
		machine = a.process(ctx, machine, batch)
		loaded.Do(func() { close(a.first) })
		if machine != nil && machine.vanished {
			a.client.retire(a)
			return
		}
	}
}

// awaitFirst waits until the first step has been made, well or not.
func (a *actor) awaitFirst() error {
	select {
	case <-a.first:
		return nil
	case <-a.client.ctx.Done():
		return context.Cause(a.client.ctx)
	}
}

func (j job) finish(err error) {
	if j.done != nil {
		j.done(err)
	}
}

func (a *actor) event(t protocol.EventType, b protocol.Body) {
	switch body := b.(type) {
	case *protocol.Entry:
		a.serve(inputEntry{*body}, true)
	case *protocol.CaughtUp:
		a.serve(inputCaughtUp{*body}, true)
	case *protocol.Signal:
		a.serve(inputSignal{*body}, true)
	}
}

// next takes the next batch: results and commands first, then what the server
// sent, unless the machine waits for the message of an entry.
func (a *actor) next(waiting bool) []job {
	a.mu.Lock()
	defer a.mu.Unlock()
	batch := a.local
	a.local = nil
	if waiting {
		return batch
	}
	n := min(len(a.served), maxBatch)
	for _, in := range a.served[:n] {
		batch = append(batch, job{in: in})
	}
	a.served = append([]input(nil), a.served[n:]...)
	if n > 0 {
		a.room.Broadcast()
	}
	return batch
}

// refusal is why a command is not carried out; it leaves the machine as it
// was, so that the rest of the batch goes on.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// process runs a batch in one transaction and carries out its effects. If the
// transaction fails, nothing of it happened, and nil is returned: the machine
// has to be loaded anew.
func (a *actor) process(ctx context.Context, machine *conversation, batch []job) *conversation {
	out := &outcome{}
	answers := make([]error, len(batch))
	err := a.client.store.update(func(tx *sealedTx) (err error) {
		if machine == nil {
			if machine, err = loadConversation(tx, a.client.self, a.client.now, a.id); err != nil {
				return err
			}
		}
		machine.begin(tx, out)
		for i, j := range batch {
			if _, ok := j.in.(inputReload); ok {
				if machine, err = machine.reload(tx, out); err != nil {
					return err
				}
				continue
			}
			if err := j.in.step(machine, tx); err != nil {
				if !errors.As(err, new(refusal)) {
					return err
				}
				answers[i] = err
			}
		}
		return machine.end(tx)
	})
	if err != nil {
		for _, j := range batch {
			j.finish(err)
		}
		if machine != nil {
			for _, e := range machine.typists.events(a.channel) {
				a.client.emit(e)
			}
		}
		a.restart(ctx, err)
		return nil
	}
	a.publish(machine, out.effects)
	for i, j := range batch {
		j.finish(answers[i])
	}
	for _, why := range out.unread {
		a.client.log.Warn("an entry could not be read", "error", why)
	}
	for _, e := range out.effects {
		a.perform(ctx, e)
	}
	for _, e := range out.events {
		a.client.emit(e)
	}
	return machine
}

// restart makes the conversation begin anew on its connection after a failed
// transaction: what is not durable is delivered again.
func (a *actor) restart(ctx context.Context, err error) {
	a.client.log.Error("a conversation could not be saved", "error", err)
	a.client.emit(FailureEvent{Conversation: conversationID(a.channel), Err: err})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.served = nil
	a.room.Broadcast()
	if a.again != nil {
		a.again.Stop()
	}
	a.again = time.AfterFunc(retryFirst, func() {
		if ctx.Err() == nil {
			a.link.revisit(func(h protocol.Hello) { a.serve(inputUp{h}, false) })
			a.tell(inputTick{}, nil)
		}
	})
}

// publish lets waiters see where the machine stands, and what it will do.
func (a *actor) publish(m *conversation, effects []effect) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range effects {
		if _, ok := e.(doNudge); ok {
			a.nudges++
		}
	}
	a.snapshot = snapshot{
		known: true, caughtUp: m.caughtUp && m.waiting == nil, outbox: m.pendingItems(), deliver: len(m.deliver),
		following: m.following(), checking: len(m.doubtful()) > 0, reporting: m.reporting(), nudges: a.nudges,
	}
	a.tellWaiters()
}

func (a *actor) tellWaiters() {
	for w := range a.waiters {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

// wait returns once the predicate holds of the machine and nothing is queued.
func (a *actor) wait(ctx context.Context, done func(snapshot) bool) error {
	w := make(chan struct{}, 1)
	a.mu.Lock()
	a.waiters[w] = true
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		delete(a.waiters, w)
		a.mu.Unlock()
	}()
	for {
		a.mu.Lock()
		ready := len(a.served) == 0 && len(a.local) == 0 && a.snapshot.known && done(a.snapshot)
		a.mu.Unlock()
		// First: what the queues held is dropped when the client closes.
		if err := a.client.ctx.Err(); err != nil {
			return err
		}
		if ready {
			return nil
		}
		select {
		case <-w:
		case <-a.client.ctx.Done():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// shut refuses what still waits.
func (a *actor) shut() {
	a.mu.Lock()
	a.closed = true
	local := a.local
	a.local, a.served = nil, nil
	a.room.Broadcast()
	for _, timer := range []*time.Timer{a.alarm, a.again} {
		if timer != nil {
			timer.Stop()
		}
	}
	a.tellWaiters()
	a.mu.Unlock()
	for _, j := range local {
		j.finish(context.Canceled)
	}
}

// perform carries out an effect. What takes time gets a goroutine, whose
// result comes back as an input.
func (a *actor) perform(ctx context.Context, e effect) {
	c := a.client
	answer := func(in input) { a.tell(in, nil) }
	switch e := e.(type) {
	case doRequest:
		a.link.request(e.op, e.body, func(b protocol.Body, err error) {
			if in := e.done(b, err); in != nil {
				a.serve(in, false)
			}
		})
	case doLookup:
		c.spawn(func() { answer(inputChains{c.lookUp(ctx, e.addresses)}) })
	case doInvite:
		c.spawn(func() {
			answer(inputInvitees{e.n, c.invitees(ctx, e.addresses)})
		})
	case doFetch:
		c.spawn(func() {
			message, err := c.fetchStash(ctx, a.link.host, e.stash)
			answer(inputFetched{e.seq, message, err})
		})
	case doStash:
		c.spawn(func() { answer(inputStashed{e.n, e.outbox, c.uploadStash(ctx, a.link.host, e.token, e.box)}) })
	case doLetter:
		c.spawn(func() { answer(inputLetter{e.n, c.sendLetter(ctx, e.letter)}) })
	case doUpload:
		ctx, done := a.upload(ctx, e.n)
		c.spawn(func() {
			err := c.upload(ctx, a.link.host, e)
			done() // before the answer leads to the next one of the item
			answer(inputUploaded{e.n, e.index, err})
		})
	case doNudge:
		c.spawn(func() {
			c.nudge(ctx, e)
			a.nudged()
		})
	case doRenew:
		c.waker.kick()
	case doAbort:
		a.abort(e.n)
	case doWake:
		a.wakeAt(e.at)
	}
}

// nudged lets waiters see that devices were woken.
func (a *actor) nudged() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.nudges--
	a.snapshot.nudges = a.nudges
	a.tellWaiters()
}

// upload remembers how to end an upload until done is called.
func (a *actor) upload(ctx context.Context, n uint64) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancel(ctx)
	a.mu.Lock()
	a.uploads[n] = cancel
	a.mu.Unlock()
	return ctx, func() {
		cancel()
		a.mu.Lock()
		delete(a.uploads, n)
		a.mu.Unlock()
	}
}

func (a *actor) abort(n uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if cancel := a.uploads[n]; cancel != nil {
		cancel()
	}
}

// wakeAt gives the machine a tick at a time, or earlier: the machine asks
// again for what is still to come.
func (a *actor) wakeAt(at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || !a.waking.IsZero() && !at.Before(a.waking) {
		return
	}
	if a.alarm != nil {
		a.alarm.Stop()
	}
	a.waking = at
	a.alarm = time.AfterFunc(max(0, at.Sub(a.client.now())), func() {
		a.mu.Lock()
		if a.waking.Equal(at) {
			a.waking = time.Time{}
		}
		a.mu.Unlock()
		a.tell(inputTick{}, nil)
	})
}
