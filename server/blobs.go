// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"errors"
	"io"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/internal/uploads"
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

// DropOrphans deletes the content of blobs and vaults that the store does not know:
// what a crash has left.
func (s *Server) DropOrphans(ctx context.Context) error {
	return s.blobs.All(ctx, func(id protocol.BlobID, _ uint64) error {
		if s.vaults.Pending(id) { // asked before the store is: see vaults.Handler
			return nil
		}
		err := s.store.View(ctx, func(tx ReadTx) error {
			if has, err := tx.Vaults().HasContent(id); has || err != nil {
				return err
			}
			_, err := tx.Blobs().Blob(id)
			return err
		})
		if errors.Is(err, ErrNotFound) {
			return s.blobs.Delete(ctx, id)
		}
		return err
	})
}

// newUploads returns what serves blobs over HTTP.
func (s *Server) newUploads() *uploads.Handler {
	return uploads.New(uploads.Config{
		Context: s.ctx, Index: blobIndex{s}, Content: s.blobs, Now: s.now, Clock: s.clock,
		Limits: &s.limits, Shares: s.shares, Resolver: s.resolver, Metrics: s.metrics,
		Begin: s.beginRequest, Refusal: s.blobRefusal,
	})
}

// beginRequest counts a request as work that a shutdown waits for until end is
// called, and reports whether the server is running.
func (s *Server) beginRequest() (end func(), running bool) {
	s.work.begin()
	return func() { s.work.end(1) }, s.ctx.Err() == nil && !s.sessions.isStopping()
}

// blobRefusal turns an error of the store, or of the content of blobs or vaults, into
// a refusal.
func (s *Server) blobRefusal(err error) protocol.BlobRefusal {
	switch {
	case errors.Is(err, ErrNotFound):
		return protocol.BlobNotFound
	case errors.Is(err, ErrFull), s.ctx.Err() != nil:
		return protocol.BlobUnavailable
	}
	s.log.Error("a request about a blob failed inside the server", "kind", errorKind(err))
	return protocol.BlobInternal
}

// blobIndex is the [uploads.Index] of the store's rows.
type blobIndex struct{ s *Server }

// Blob implements [uploads.Index].
func (i blobIndex) Blob(ctx context.Context, id protocol.BlobID) (uploads.Row, error) {
	var row BlobRow
	err := i.s.store.View(ctx, func(tx ReadTx) (err error) {
		row, err = tx.Blobs().Blob(id)
		return err
	})
	if err == nil && row.Due() <= i.s.clock.Expiry().Unix() {
		err = ErrNotFound
	}
	return uploads.Row(row), err
}

// Create implements [uploads.Index].
func (i blobIndex) Create(ctx context.Context, fresh uploads.Row) (uploads.Row, error) {
	var row BlobRow
	err := i.s.store.Update(ctx, func(tx WriteTx) (err error) {
		row, err = tx.Blobs().Blob(fresh.Blob)
		if errors.Is(err, ErrNotFound) {
			row = BlobRow(fresh)
			return tx.Blobs().Put(row)
		}
		return err
	})
	return uploads.Row(row), err
}

// Update implements [uploads.Index].
func (i blobIndex) Update(ctx context.Context, row uploads.Row) error {
	return i.s.store.Update(ctx, func(tx WriteTx) error {
		if _, err := tx.Blobs().Blob(row.Blob); err != nil {
			return err // deleted meanwhile
		}
		return tx.Blobs().Put(BlobRow(row))
	})
}

// Delete implements [uploads.Index].
func (i blobIndex) Delete(ctx context.Context, id protocol.BlobID) error {
	return i.s.store.Update(Freeing(ctx), func(tx WriteTx) error { return tx.Blobs().Delete(id) })
}

// Stored implements [uploads.Index].
func (i blobIndex) Stored(ctx context.Context) (int64, error) {
	usage, err := i.s.usage(ctx)
	return int64(usage.BlobBytes), err
}
