// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/internal/clock"
)

// The functions of this file read and write the [StateRow]: which life of its
// data a store is in, and the newest time that its server trusted.

// resume goes on from what the store knows about itself.
func (s *Server) resume(ctx context.Context, uptime clock.Uptime) (err error) {
	if s.incarnation, err = Incarnation(ctx, s.store, s.random); err != nil {
		return err
	}
	var row StateRow
	err = s.store.View(ctx, func(tx ReadTx) error {
		row, err = tx.State().Get()
		return err
	})
	s.began = s.now()
	s.clock = clock.New(s.now, uptime, readingOf(row))
	return err
}

// Incarnation returns which life of its data a store is in, and begins the first
// one if there was none.
func Incarnation(ctx context.Context, store Store, random io.Reader) (protocol.Incarnation, error) {
	var row StateRow
	err := store.View(ctx, func(tx ReadTx) (err error) {
		row, err = tx.State().Get()
		return err
	})
	if err != nil || row.Incarnation != (protocol.Incarnation{}) {
		return row.Incarnation, err
	}
	var fresh protocol.Incarnation
	if _, err := io.ReadFull(random, fresh[:]); err != nil {
		return fresh, fmt.Errorf("server: reading randomness: %w", err)
	}
	err = store.Update(ctx, func(tx WriteTx) error {
		row, err = tx.State().Get()
		if err != nil || row.Incarnation != (protocol.Incarnation{}) {
			return err // another node has begun it
		}
		row.Incarnation = fresh
		return tx.State().Put(row)
	})
	return row.Incarnation, err
}

// BeginIncarnation begins another life of a store that was copied or restored:
// clients then know that it may have gone back in time. One-time key packages are
// deleted, because some of them may have been used since; the last-resort ones
// stay, so that people can be reached until they publish others.
func BeginIncarnation(ctx context.Context, store Store, random io.Reader) error {
	var fresh protocol.Incarnation
	if _, err := io.ReadFull(random, fresh[:]); err != nil {
		return fmt.Errorf("server: reading randomness: %w", err)
	}
	return store.Update(Freeing(ctx), func(tx WriteTx) error {
		row, err := tx.State().Get()
		if err != nil {
			return err
		}
		row.Incarnation = fresh
		if err := tx.State().Put(row); err != nil {
			return err
		}
		return tx.KeyPackages().DeleteAllOneTime()
	})
}

// checkClock notes the time as the newest that was trusted, or says that it is
// not. It reports whether it is.
func (s *Server) checkClock(ctx context.Context) bool {
	now, expected, trusted := s.clock.Read()
	if !trusted {
		if !s.clockDoubted.Swap(true) {
			s.log.Error("the clock is not what it should be: nothing expires until it is right again, or the operator runs: securecryptd clock confirm",
				"clock", now.UTC().Format(time.RFC3339), "expected", expected.UTC().Format(time.RFC3339))
		}
		return false
	}
	if s.clockDoubted.Swap(false) {
		s.log.Info("the clock is right again: what has expired is deleted")
	}
	s.noteTime(ctx)
	return true
}

// noteTime makes the clock's time the newest that was trusted.
func (s *Server) noteTime(ctx context.Context) {
	newest := s.clock.Trust()
	row, err := NoteTime(ctx, s.store, newest.Time, newest.Boot, newest.Up)
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn("noting the time failed; it is tried again later", "kind", errorKind(err))
		}
		return
	}
	if s.noted != nil {
		s.noted(row)
	}
}

// NoteTime stores a time as the newest that was trusted, also one before it.
func NoteTime(ctx context.Context, store Store, at time.Time, boot string, up time.Duration) (row StateRow, err error) {
	err = store.Update(Freeing(ctx), func(tx WriteTx) error { // a row of about constant size
		if row, err = tx.State().Get(); err != nil {
			return err
		}
		row.Newest, row.Boot, row.Uptime = at.Unix(), boot, int64(up)
		return tx.State().Put(row)
	})
	return row, err
}

// ClockState is what an operator sees of the clock.
type ClockState struct {
	Clock   time.Time `json:"clock"`
	Newest  time.Time `json:"newest_trusted"`
	Trusted bool      `json:"trusted"`
}

// Clock returns the state of the clock.
func (s *Server) Clock() ClockState {
	now, _, trusted := s.clock.Read()
	return ClockState{Clock: now.UTC().Round(0), Newest: s.clock.Newest().UTC(), Trusted: trusted}
}

// ReadClock returns the state of a clock by which no server runs.
func ReadClock(now func() time.Time, uptime clock.Uptime, row StateRow) ClockState {
	c := clock.New(now, uptime, readingOf(row))
	at, _, trusted := c.Read()
	return ClockState{Clock: at.UTC().Round(0), Newest: c.Newest().UTC(), Trusted: trusted}
}

// ConfirmClock has the clock trusted as it is.
func (s *Server) ConfirmClock(ctx context.Context) {
	s.clock.Trust()
	s.checkClock(ctx)
}

// readingOf returns the newest time that was trusted, zero if there is none.
func readingOf(row StateRow) clock.Reading {
	if row.Newest == 0 {
		return clock.Reading{}
	}
	return clock.Reading{Time: time.Unix(row.Newest, 0), Boot: row.Boot, Up: time.Duration(row.Uptime)}
}
