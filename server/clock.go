// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"sync/atomic"
	"time"
)

// Bounds of what a clock may do without being doubted.
const (
	// clockSkew is how far the clock may be from what the time should be.
	clockSkew = 5 * time.Minute
	// clockGap is how long a server may have been off. A clock that is further
	// ahead after a start of the machine is doubted: a server that was off for
	// longer looks the same.
	clockGap = 3 * day
)

// Uptime tells how long a machine has been running, with the time in which it
// slept, and names that run. The name is empty where there is none.
type Uptime func() (boot string, up time.Duration)

// A clock tells the time, and whether it can be trusted with lifetimes. It is
// compared with the newest time that was trusted and with how long the machine
// has been running since. While it is doubted, nothing expires, and what is stored
// expires by the later of both times. docs/clocks.md has what follows.
type clock struct {
	now    func() time.Time
	uptime Uptime // nil: the monotonic reading of now has to do

	anchor  atomic.Pointer[clockAnchor]
	doubted atomic.Bool // it has been logged
}

// clockAnchor is a time that was trusted.
type clockAnchor struct {
	wall  time.Time     // that time
	at    time.Time     // the clock's reading then, for its monotonic part
	up    time.Duration // of the machine
	boot  string
	ahead time.Duration // how far ahead the clock may be
}

// newClock returns a clock that goes on from what the store knows.
func newClock(now func() time.Time, uptime Uptime, row StateRow) *clock {
	c := &clock{now: now, uptime: uptime}
	a := c.anchored()
	if row.Newest != 0 {
		a.wall, a.ahead = time.Unix(row.Newest, 0), clockGap
		if since := a.up - time.Duration(row.Uptime); a.boot != "" && a.boot == row.Boot && since >= 0 {
			a.wall, a.ahead = a.wall.Add(since), clockSkew
		}
	}
	c.anchor.Store(a)
	return c
}

// anchored returns an anchor at the clock's time.
func (c *clock) anchored() *clockAnchor {
	now := c.now()
	a := &clockAnchor{wall: now.Round(0), at: now, ahead: clockSkew}
	if c.uptime != nil {
		a.boot, a.up = c.uptime()
	}
	return a
}

// read returns the clock's time, what the time should be, and whether the first
// can be trusted.
func (c *clock) read() (now, expected time.Time, trusted bool) {
	now = c.now()
	a := c.anchor.Load()
	expected = a.wall.Add(now.Sub(a.at))
	monotonic := now != now.Round(0)
	if c.uptime != nil && (!monotonic || !a.allows(now.Sub(expected))) { // a machine that slept has no monotonic time for that
		_, up := c.uptime()
		expected = a.wall.Add(up - a.up)
	}
	return now, expected, a.allows(now.Round(0).Sub(expected))
}

func (a *clockAnchor) allows(off time.Duration) bool { return -clockSkew <= off && off <= a.ahead }

// expiry returns the time that lifetimes are compared with.
func (c *clock) expiry() time.Time {
	now, _, trusted := c.read()
	if !trusted {
		return c.anchor.Load().wall
	}
	return now
}

// stamp returns the time from which the lifetime of what is stored now is counted.
func (c *clock) stamp() time.Time {
	now, expected, trusted := c.read()
	if !trusted && expected.After(now) {
		return expected
	}
	return now
}

// trusted reports whether lifetimes may end.
func (c *clock) trusted() bool {
	_, _, trusted := c.read()
	return trusted
}

// checkClock notes the time as the newest that was trusted, or says that it is
// not. It reports whether it is.
func (s *Server) checkClock(ctx context.Context) bool {
	now, expected, trusted := s.clock.read()
	if !trusted {
		if !s.clock.doubted.Swap(true) {
			s.log.Error("the clock is not what it should be: nothing expires until it is right again, or the operator runs: securecryptd clock confirm",
				"clock", now.UTC().Format(time.RFC3339), "expected", expected.UTC().Format(time.RFC3339))
		}
		return false
	}
	if s.clock.doubted.Swap(false) {
		s.log.Info("the clock is right again: what has expired is deleted")
	}
	s.noteTime(ctx)
	return true
}

// noteTime makes the clock's time the newest that was trusted.
func (s *Server) noteTime(ctx context.Context) {
	a := s.clock.anchored()
	s.clock.anchor.Store(a)
	row, err := NoteTime(ctx, s.store, a.wall, a.boot, a.up)
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
	now, _, trusted := s.clock.read()
	return ClockState{Clock: now.UTC().Round(0), Newest: s.clock.anchor.Load().wall.UTC(), Trusted: trusted}
}

// ReadClock returns the state of a clock by which no server runs.
func ReadClock(now func() time.Time, uptime Uptime, row StateRow) ClockState {
	c := newClock(now, uptime, row)
	at, _, trusted := c.read()
	return ClockState{Clock: at.UTC().Round(0), Newest: c.anchor.Load().wall.UTC(), Trusted: trusted}
}

// ConfirmClock has the clock trusted as it is.
func (s *Server) ConfirmClock(ctx context.Context) {
	s.clock.anchor.Store(s.clock.anchored())
	s.checkClock(ctx)
}
