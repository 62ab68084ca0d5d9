// SPDX-License-Identifier: AGPL-3.0-or-later

package connection

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
)

// BatchSize is the number of bytes of frames in one WebSocket message,
// unless a single frame is larger.
const BatchSize = 64 << 10

// A Feed is read from the store at the pace of the connection.
type Feed interface {
	// Next returns more frames, for which it reads about size bytes: at most
	// one entry or letter beyond. The feed is asked again while more is true;
	// when it is false the feed must ask to be read with Outbox.Read.
	Next(ctx context.Context, size int) (frames []byte, more bool, err error)
}

// The number of bytes read from a feed at a time. It is small for a connection
// that was slow to take the last ones, because they stay in memory until sent.
const (
	SlowReadSize = 64 << 10
	fastReadSize = 512 << 10
	fastSendTime = 100 * time.Millisecond
)

// An Outbox is what is to be sent on one connection. Its writer goroutine exists
// while there is something.
type Outbox struct {
	send   func(b []byte) error // frames after HeaderRoom bytes
	failed func(error)          // called once, by the writer
	limit  int64
	shares *fairness.Shares
	from   *fairness.Origin
	ctx    context.Context
	now    func() time.Time
	quick  bool // the last send from a feed was; the writer owns it

	mu       sync.Mutex
	room     sync.Cond // signalled when the queue gets shorter
	queue    [][]byte
	bytes    int64
	feeds    []Feed
	running  bool
	draining bool
	closed   bool
}

// OutboxConfig is what an [Outbox] needs.
type OutboxConfig struct {
	Limit  int64 // of bytes in the queue
	Shares *fairness.Shares
	From   *fairness.Origin
	Now    func() time.Time
	Send   func(b []byte) error // sends what follows the first HeaderRoom bytes as one message
	Failed func(error)          // is called once, by the writer, when Send or a feed has failed
}

// NewOutbox returns an empty outbox. ctx is for reading from feeds.
func NewOutbox(ctx context.Context, c OutboxConfig) *Outbox {
	o := &Outbox{send: c.Send, failed: c.Failed, limit: c.Limit, shares: c.Shares, from: c.From, ctx: ctx, now: c.Now}
	o.room.L = &o.mu
	return o
}

// Push queues frames that must be sent, such as answers.
func (o *Outbox) Push(frames []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.add(frames, int64(len(frames)))
}

// Offer queues shared frames, all or none; it reports false if there is no
// room for them.
func (o *Outbox) Offer(frames [][]byte, size int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return true
	}
	if o.bytes+size > o.limit && o.bytes > 0 || !o.shares.Take(o.from, fairness.QueuedMemory, size) {
		return false
	}
	o.queue = append(o.queue, frames...)
	o.bytes += size
	o.start()
	return true
}

func (o *Outbox) add(frames []byte, size int64) {
	if o.closed {
		return
	}
	o.queue = append(o.queue, frames)
	o.bytes += size
	o.shares.Force(o.from, fairness.QueuedMemory, size)
	o.start()
}

// Read has f read from the store. It may be called while f is being read, and
// has it read again.
func (o *Outbox) Read(f Feed) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.draining || slices.Contains(o.feeds, f) {
		return
	}
	o.feeds = append(o.feeds, f)
	o.start()
}

func (o *Outbox) start() {
	if !o.running {
		o.running = true
		go o.write()
	}
}

// WaitRoom waits until the queue is within its limit and all queues of the
// origin within their share; it reports false when the outbox is closed.
func (o *Outbox) WaitRoom() bool {
	for o.withinLimit() {
		if !o.shares.Exceeded(o.from, fairness.QueuedMemory) {
			return true
		}
		time.Sleep(fairness.RetryInterval)
	}
	return false
}

func (o *Outbox) withinLimit() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.bytes > o.limit && !o.closed {
		o.room.Wait()
	}
	return !o.closed
}

// IsClosed reports whether the outbox takes nothing any more.
func (o *Outbox) IsClosed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

// Drain stops the feeds and waits until what is queued has been handed to the
// connection, or the connection failed.
func (o *Outbox) Drain() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.feeds, o.draining = nil, true
	for (len(o.queue) > 0 || o.running) && !o.closed {
		o.room.Wait()
	}
}

// Close drops what is queued. The writer, if any, ends soon.
func (o *Outbox) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.closed = true
	o.shares.Give(o.from, fairness.QueuedMemory, o.bytes)
	o.queue, o.feeds, o.bytes = nil, nil, 0
	o.room.Broadcast()
}

// Wait waits, after Close, until the writer has ended.
func (o *Outbox) Wait() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.running {
		o.room.Wait()
	}
}

// write is the writer goroutine. What is queued goes before what is read.
func (o *Outbox) write() {
	for {
		queue, size, f := o.take()
		var err error
		switch {
		case queue != nil:
			err = o.gather(queue)
			o.shares.Give(o.from, fairness.QueuedMemory, size)
		case f != nil:
			err = o.follow(f)
		default:
			return
		}
		if err != nil {
			o.fail(err)
			return
		}
	}
}

func (o *Outbox) take() (queue [][]byte, size int64, f Feed) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case len(o.queue) > 0:
		queue, size = o.queue, o.bytes
		o.queue, o.bytes = nil, 0
		o.room.Broadcast()
	case len(o.feeds) > 0:
		f = o.feeds[0]
		o.feeds = slices.Delete(o.feeds, 0, 1)
	default:
		o.running = false
		o.room.Broadcast()
	}
	return queue, size, f
}

func (o *Outbox) fail(err error) {
	o.mu.Lock()
	o.running = false
	o.room.Broadcast()
	o.mu.Unlock()
	o.Close()
	o.failed(err)
}

// gather sends queued frames in as few messages as it may.
func (o *Outbox) gather(queue [][]byte) error {
	b := getBuffer(BatchSize)[:HeaderRoom]
	defer func() { putBuffer(b[:0]) }()
	for _, frames := range queue {
		if len(b) > HeaderRoom && len(b)+len(frames) > BatchSize {
			if err := o.send(b); err != nil {
				return err
			}
			b = b[:HeaderRoom]
		}
		b = append(b, frames...)
		if len(b)-HeaderRoom > protocol.MaxMessage {
			return ErrTooLarge
		}
	}
	if len(b) == HeaderRoom {
		return nil
	}
	return o.send(b)
}

// follow reads from a feed and sends that, once the origin's share allows it:
// until then what is queued goes before.
func (o *Outbox) follow(f Feed) error {
	size := SlowReadSize
	if o.quick {
		size = fastReadSize
	}
	held := int64(size + protocol.MaxCiphertext)
	if !o.shares.Take(o.from, fairness.QueuedMemory, held) {
		o.Read(f)
		time.Sleep(fairness.RetryInterval)
		return nil
	}
	defer func() { o.shares.Give(o.from, fairness.QueuedMemory, held) }()
	frames, more, err := f.Next(o.ctx, size)
	if err != nil {
		return err
	}
	if more {
		o.Read(f)
	}
	if len(frames) <= HeaderRoom {
		return nil
	}
	unused := held - int64(len(frames))
	o.shares.Give(o.from, fairness.QueuedMemory, unused)
	held -= unused
	began := o.now()
	err = o.send(frames)
	o.quick = o.now().Sub(began) < fastSendTime
	return err
}
