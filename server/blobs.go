// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/securecrypt/securecrypt/protocol"
)

// Blobs keeps the content of blobs. What is known about them, their length
// above all, is in the [Store].
type Blobs interface {
	// Write stores what r yields as the bytes from offset on, in place of
	// whatever lies there and after. It returns how many bytes are durable,
	// also when it returns an error, which wraps ErrFull for want of room.
	Write(ctx context.Context, id protocol.BlobID, offset uint64, r io.Reader) (n uint64, err error)
	// Open returns ErrNotFound for a blob that has no content.
	Open(ctx context.Context, id protocol.BlobID) (io.ReadSeekCloser, error)
	// Delete deletes the content, if there is any.
	Delete(ctx context.Context, id protocol.BlobID) error
	// All calls fn for each blob that has content, with its size.
	All(ctx context.Context, fn func(id protocol.BlobID, size uint64) error) error
}

// Sweep deletes all that has expired, unless the clock is doubted.
func (s *Server) Sweep(ctx context.Context) error {
	for s.clock.Trusted() {
		var gone Expired
		err := s.store.Update(Freeing(ctx), func(tx WriteTx) (err error) {
			gone, err = tx.Expire(s.clock.Expiry(), sweepRows)
			return err
		})
		if err != nil {
			return err
		}
		s.metrics.RowsExpired(gone.Rows)
		for _, id := range gone.Blobs {
			if err := s.blobs.Delete(ctx, id); err != nil {
				return err
			}
		}
		if !gone.More {
			break
		}
	}
	return nil
}

// sweepRows is about how many rows are deleted in one transaction.
const sweepRows = 256

// DropOrphans deletes the content of blobs that the store does not know: what a
// crash has left.
func (s *Server) DropOrphans(ctx context.Context) error {
	return s.blobs.All(ctx, func(id protocol.BlobID, _ uint64) error {
		err := s.store.View(ctx, func(tx ReadTx) error {
			_, err := tx.Blobs().Blob(id)
			return err
		})
		if errors.Is(err, ErrNotFound) {
			return s.blobs.Delete(ctx, id)
		}
		return err
	})
}

// blobLocks lets one request at a time write to a blob. A newer one takes
// over: the older is of a connection that its client has given up.
type blobLocks struct {
	mu      sync.Mutex
	holders map[protocol.BlobID]*blobHolder
}

type blobHolder struct {
	interrupt func()
	done      chan struct{}
}

func newBlobLocks() *blobLocks { return &blobLocks{holders: map[protocol.BlobID]*blobHolder{}} }

// acquire waits until nobody else writes, and interrupts who does. The release
// is nil if ctx ended first.
func (l *blobLocks) acquire(ctx context.Context, id protocol.BlobID, interrupt func()) (release func()) {
	for {
		l.mu.Lock()
		other := l.holders[id]
		if other == nil {
			h := &blobHolder{interrupt: interrupt, done: make(chan struct{})}
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

func (l *blobLocks) release(id protocol.BlobID, h *blobHolder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.holders, id)
	close(h.done)
}
