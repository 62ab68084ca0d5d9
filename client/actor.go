// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// maxBatch is how many inputs share one transaction.
const maxBatch = 64

// An actor owns one conversation: its goroutine alone runs the machine.
// Others leave inputs in its queues.
type actor struct {
	client  *Client
	id      records.CID
	channel protocol.ChannelID
	host    string

	mu      sync.Mutex // guards what follows
	use     linkUse
	served  servedQueue
	local   []job // commands and results of effects
	changed chan struct{}
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
	again   *time.Timer   // of the next attempt after a failed transaction
	failing time.Duration // the wait before that, 0 if the last one did not fail
	nudges  int           // under way
	// stopFetch ends the download of a commit that is under way or was.
	stopFetch context.CancelCauseFunc

	first chan struct{} // closed after the first step, which loads the machine
}

// snapshot is what waiters look at.
type snapshot struct {
	machine.Progress
	known   bool         // some step has been made
	purpose link.Purpose // of its connection
	nudges  int          // devices that are being woken, by server
}

// A job is an input, and who wants to know when it is durable.
type job struct {
	in   machine.Input
	done func(error)
}

func newActor(c *Client, id records.CID, channel protocol.ChannelID, host string) *actor {
	return &actor{
		client: c, id: id, channel: channel, host: host, served: servedQueue{all: c.queuedAt(host)}, changed: make(chan struct{}, 1),
		waiters: map[chan struct{}]bool{}, uploads: map[uint64]context.CancelFunc{}, first: make(chan struct{}),
	}
}

func (a *actor) signal() {
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// serve queues an answer to a request, or a change of the connection.
func (a *actor) serve(in machine.Input) {
	a.mu.Lock()
	if !a.closed {
		a.served.put(in)
	}
	a.mu.Unlock()
	a.signal()
}

// tell queues a command or a result. done, if not nil, is called once.
func (a *actor) tell(in machine.Input, done func(error)) {
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
func (a *actor) ask(ctx context.Context, in machine.Input) error {
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
	defer a.rejectPending()
	var conv *machine.Conversation
	var loaded sync.Once
	for {
		batch := a.next(conv)
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
		conv = a.process(ctx, conv, batch)
		loaded.Do(func() { close(a.first) })
		if conv != nil && conv.HasVanished() {
			a.client.retire(a)
			return
		}
		if conv != nil && a.use.purpose == link.ForNothing && conv.IsRequest() {
			conv = nil // it is loaded again when somebody asks for it
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

// next takes the next batch: results and commands first, then what the server
// sent, unless the machine waits for the message of an entry. A full request
// takes no entries.
func (a *actor) next(conv *machine.Conversation) []job {
	a.mu.Lock()
	defer a.mu.Unlock()
	batch := a.local
	a.local = nil
	if conv != nil && conv.AwaitsMessage() {
		return batch
	}
	for _, in := range a.served.take(maxBatch, conv == nil || !conv.IsFull()) {
		batch = append(batch, job{in: in})
	}
	return batch
}

// process runs a batch in one transaction and carries out its effects. If the
// transaction fails, nothing of it happened, and nil is returned: the machine
// has to be loaded anew.
func (a *actor) process(ctx context.Context, conv *machine.Conversation, batch []job) *machine.Conversation {
	out := &machine.Outcome{}
	answers := make([]error, len(batch))
	err := a.client.store.Update(func(tx *records.Tx) (err error) {
		if conv == nil {
			if conv, err = machine.Load(tx, a.client.environment(), a.id); err != nil {
				return err
			}
		}
		if entered, err := conv.WasEntered(tx); err != nil {
			return err
		} else if entered {
			if conv, err = conv.Reload(tx, out); err != nil {
				return err
			}
		}
		conv.Begin(tx, out)
		for i, j := range batch {
			if _, ok := j.in.(machine.InputReload); ok {
				if conv, err = conv.Reload(tx, out); err != nil {
					return err
				}
				continue
			}
			if err := conv.Step(tx, j.in); err != nil {
				if !errors.As(err, new(machine.Refusal)) {
					return err
				}
				answers[i] = err
			}
		}
		return conv.End(tx)
	})
	if err != nil {
		for _, j := range batch {
			j.finish(err)
		}
		if conv != nil {
			for _, e := range conv.TypingEnded() {
				a.client.emit(e)
			}
		}
		a.restart(ctx, err)
		return nil
	}
	moved := a.attach(ctx, conv.Purpose())
	a.saved(ctx)
	events := a.client.emitFailures(out.Events)
	a.publish(conv, out.Effects)
	for i, j := range batch {
		j.finish(answers[i])
	}
	for _, why := range out.Unread {
		a.client.log.Warn("an entry could not be read", "error", why)
	}
	for _, e := range out.Effects {
		if r, ok := e.(machine.DoRequest); ok {
			a.request(r, moved)
			continue
		}
		a.perform(ctx, e)
	}
	for _, e := range events {
		a.client.emit(e)
	}
	return conv
}

// emitFailures emits the failures among events and returns the others. A wait for the
// outbox ends when the new state is published: failures are emitted before that, so
// that a caller that waited has them.
func (c *Client) emitFailures(events []chat.Event) []chat.Event {
	return slices.DeleteFunc(events, func(e chat.Event) bool {
		_, failed := e.(chat.FailureEvent)
		if failed {
			c.emit(e)
		}
		return failed
	})
}

// restart makes the conversation begin anew on its connection after a failed
// transaction: what is not durable is delivered again. Of attempts that fail one
// after the other the first is told, and each waits longer.
func (a *actor) restart(ctx context.Context, err error) {
	a.client.log.Error("a conversation could not be saved", "error", err)
	a.mu.Lock()
	if a.failing == 0 { // told once the lock is free
		defer a.client.emit(chat.FailureEvent{Conversation: chat.IDOf(a.channel), Err: err})
	}
	defer a.mu.Unlock()
	a.failing = min(max(2*a.failing, link.RetryFirst), link.MaxSaveRetryDelay)
	a.served.clear()
	if a.again != nil {
		a.again.Stop()
	}
	a.again = time.AfterFunc(a.failing, func() {
		a.mu.Lock()
		a.again = nil
		a.mu.Unlock()
		a.resume(ctx)
	})
}

// resume loads the machine again and shows it the connection.
func (a *actor) resume(ctx context.Context) {
	if ctx.Err() == nil {
		a.mu.Lock()
		l := a.use.link
		a.mu.Unlock()
		if l != nil {
			l.Revisit(a.up)
		}
		a.tell(machine.InputTick{}, nil)
		a.tell(machine.InputUnapplied{}, nil)
	}
}

// saved notes that the store works. If something else found that out before the
// next attempt was due, it need not be waited for.
func (a *actor) saved(ctx context.Context) {
	a.mu.Lock()
	early := a.again != nil
	if early {
		a.again.Stop()
		a.again = nil
	}
	a.failing = 0
	a.mu.Unlock()
	if early {
		a.resume(ctx)
	}
}

// publish lets waiters see where the machine stands, and what it will do.
func (a *actor) publish(m *machine.Conversation, effects []machine.Effect) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range effects {
		if _, ok := e.(machine.DoNudge); ok {
			a.nudges++
		}
	}
	a.snapshot = snapshot{
		Progress: m.Progress(), known: true, purpose: a.use.purpose, nudges: a.nudges,
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
		ready := len(a.served.inputs) == 0 && len(a.local) == 0 && a.snapshot.known && done(a.snapshot)
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

// rejectPending fails all pending commands.
func (a *actor) rejectPending() {
	a.client.requests.drop(a)
	a.detach()
	a.mu.Lock()
	a.closed = true
	local := a.local
	a.local = nil
	a.served.clear()
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
		a.tell(machine.InputTick{}, nil)
	})
}

// retire lets go of the actor of a conversation that has vanished. If somebody
// invited this account again meanwhile, a new one takes its place.
func (c *Client) retire(a *actor) {
	id := chat.IDOf(a.channel)
	back := false
	c.mu.Lock() // joined takes it after it has saved a conversation
	delete(c.actors, a.id)
	err := c.store.View(func(tx *records.Tx) error {
		b, err := tx.Get(records.Key(records.TableConversation, a.id[:]))
		back = b != nil
		return err
	})
	if err == nil && !back && c.ids[id] == a.id {
		delete(c.ids, id)
	}
	c.mu.Unlock()
	if back {
		if _, err := c.actor(id); err != nil {
			c.log.Error("a conversation could not be started again", "error", err)
		}
	}
}
