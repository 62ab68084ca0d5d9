// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
)

// batchMessageSize is the number of bytes of frames in one WebSocket message,
// unless a single frame is larger.
const batchMessageSize = 64 << 10

// A feed is read from the store at the pace of the connection.
type feed interface {
	// next returns more frames, for which it reads about size bytes: at most
	// one entry or letter beyond. The feed is asked again while more is true;
	// when it is false the feed must ask to be read with outbox.read.
	next(ctx context.Context, size int) (frames []byte, more bool, err error)
}

// The number of bytes read from a feed at a time. It is small for a connection
// that was slow to take the last ones, because they stay in memory until sent.
const (
	slowReadSize = 64 << 10
	fastReadSize = 512 << 10
	fastSendTime = 100 * time.Millisecond
)

// outbox is what is to be sent on one connection. Its writer goroutine exists
// while there is something.
type outbox struct {
	send   func(b []byte) error // frames after headerRoom bytes
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
	feeds    []feed
	running  bool
	draining bool
	closed   bool
}

func newOutbox(ctx context.Context, now func() time.Time, limit int64, sh *fairness.Shares, from *fairness.Origin, send func([]byte) error, failed func(error)) *outbox {
	o := &outbox{send: send, failed: failed, limit: limit, shares: sh, from: from, ctx: ctx, now: now}
	o.room.L = &o.mu
	return o
}

// push queues frames that must be sent, such as answers.
func (o *outbox) push(frames []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.add(frames, int64(len(frames)))
}

// offer queues shared frames, all or none; it reports false if there is no
// room for them.
func (o *outbox) offer(frames [][]byte, size int64) bool {
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

func (o *outbox) add(frames []byte, size int64) {
	if o.closed {
		return
	}
	o.queue = append(o.queue, frames)
	o.bytes += size
	o.shares.Force(o.from, fairness.QueuedMemory, size)
	o.start()
}

// read has f read from the store. It may be called while f is being read, and
// has it read again.
func (o *outbox) read(f feed) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.draining || slices.Contains(o.feeds, f) {
		return
	}
	o.feeds = append(o.feeds, f)
	o.start()
}

func (o *outbox) start() {
	if !o.running {
		o.running = true
		go o.write()
	}
}

// waitRoom waits until the queue is within its limit and all queues of the
// origin within their share; it reports false when the outbox is closed.
func (o *outbox) waitRoom() bool {
	for o.withinLimit() {
		if !o.shares.Exceeded(o.from, fairness.QueuedMemory) {
			return true
		}
		time.Sleep(fairness.RetryInterval)
	}
	return false
}

func (o *outbox) withinLimit() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.bytes > o.limit && !o.closed {
		o.room.Wait()
	}
	return !o.closed
}

func (o *outbox) isClosed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

// drain stops the feeds and waits until what is queued has been handed to the
// connection, or the connection failed.
func (o *outbox) drain() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.feeds, o.draining = nil, true
	for (len(o.queue) > 0 || o.running) && !o.closed {
		o.room.Wait()
	}
}

// close drops what is queued. The writer, if any, ends soon.
func (o *outbox) close() {
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

// wait waits, after close, until the writer has ended.
func (o *outbox) wait() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.running {
		o.room.Wait()
	}
}

// write is the writer goroutine. What is queued goes before what is read.
func (o *outbox) write() {
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

func (o *outbox) take() (queue [][]byte, size int64, f feed) {
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

func (o *outbox) fail(err error) {
	o.mu.Lock()
	o.running = false
	o.room.Broadcast()
	o.mu.Unlock()
	o.close()
	o.failed(err)
}

// gather sends queued frames in as few messages as it may.
func (o *outbox) gather(queue [][]byte) error {
	b := getBuffer(batchMessageSize)[:headerRoom]
	defer func() { putBuffer(b[:0]) }()
	for _, frames := range queue {
		if len(b) > headerRoom && len(b)+len(frames) > batchMessageSize {
			if err := o.send(b); err != nil {
				return err
			}
			b = b[:headerRoom]
		}
		b = append(b, frames...)
		if len(b)-headerRoom > protocol.MaxMessage {
			return errTooLarge
		}
	}
	if len(b) == headerRoom {
		return nil
	}
	return o.send(b)
}

// follow reads from a feed and sends that, once the origin's share allows it:
// until then what is queued goes before.
func (o *outbox) follow(f feed) error {
	size := slowReadSize
	if o.quick {
		size = fastReadSize
	}
	held := int64(size + protocol.MaxCiphertext)
	if !o.shares.Take(o.from, fairness.QueuedMemory, held) {
		o.read(f)
		time.Sleep(fairness.RetryInterval)
		return nil
	}
	defer func() { o.shares.Give(o.from, fairness.QueuedMemory, held) }()
	frames, more, err := f.next(o.ctx, size)
	if err != nil {
		return err
	}
	if more {
		o.read(f)
	}
	if len(frames) <= headerRoom {
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
