// SPDX-License-Identifier: AGPL-3.0-or-later

package uploads

import (
	"context"
	"sync"

	"github.com/securecrypt/securecrypt/protocol"
)

// locks lets one request at a time write to a blob. A newer one takes
// over: the older is of a connection that its client has given up.
type locks struct {
	mu      sync.Mutex
	holders map[protocol.BlobID]*holder
}

type holder struct {
	interrupt func()
	done      chan struct{}
}

func newLocks() *locks { return &locks{holders: map[protocol.BlobID]*holder{}} }

// acquire waits until nobody else writes, and interrupts who does. The release
// is nil if ctx ended first.
func (l *locks) acquire(ctx context.Context, id protocol.BlobID, interrupt func()) (release func()) {
	for {
		l.mu.Lock()
		other := l.holders[id]
		if other == nil {
			h := &holder{interrupt: interrupt, done: make(chan struct{})}
			l.holders[id] = h
			l.mu.Unlock()
			return func() { l.release(id, h) }
		}
		l.mu.Unlock()
		other.interrupt()
		select {
		case <-other.done:
		case <-ctx.Done():
			return nil
		}
	}
}

func (l *locks) release(id protocol.BlobID, h *holder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.holders, id)
	close(h.done)
}
