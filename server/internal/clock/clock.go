// SPDX-License-Identifier: AGPL-3.0-or-later

package clock

import (
	"sync/atomic"
	"time"
)

// Bounds of what a clock may do without being doubted.
const (
	// skew is how far the clock may be from what the time should be.
	skew = 5 * time.Minute
	// gap is how long a server may have been off. A clock that is further
	// ahead after a start of the machine is doubted: a server that was off for
	// longer looks the same.
	gap = 3 * 24 * time.Hour
)

// Uptime tells how long a machine has been running, with the time in which it
// slept, and names that run. The name is empty where there is none.
type Uptime func() (boot string, up time.Duration)

// A Reading is a time that was trusted, and what the machine's uptime was then.
type Reading struct {
	Time time.Time
	Boot string // the run of the machine; "": not known
	Up   time.Duration
}

// A Clock tells the time, and whether it can be trusted. While it is doubted,
// nothing expires, and what is stored expires by the later of both times. Its
// methods may be called concurrently.
type Clock struct {
	now    func() time.Time
	uptime Uptime // nil: the monotonic reading of now has to do

	anchor atomic.Pointer[anchor]
}

// anchor is a time that was trusted.
type anchor struct {
	wall  time.Time     // that time
	at    time.Time     // the clock's reading then, for its monotonic part
	up    time.Duration // of the machine
	boot  string
	ahead time.Duration // how far ahead the clock may be
}

// New returns a clock that goes on from the newest time that was trusted, which
// is zero if there is none.
func New(now func() time.Time, uptime Uptime, newest Reading) *Clock {
	c := &Clock{now: now, uptime: uptime}
	a := c.anchored()
	if !newest.Time.IsZero() {
		a.wall, a.ahead = newest.Time, gap
		if since := a.up - newest.Up; a.boot != "" && a.boot == newest.Boot && since >= 0 {
			a.wall, a.ahead = a.wall.Add(since), skew
		}
	}
	c.anchor.Store(a)
	return c
}

// anchored returns an anchor at the clock's time.
func (c *Clock) anchored() *anchor {
	now := c.now()
	a := &anchor{wall: now.Round(0), at: now, ahead: skew}
	if c.uptime != nil {
		a.boot, a.up = c.uptime()
	}
	return a
}

// Read returns the clock's time, what the time should be, and whether the first
// can be trusted.
func (c *Clock) Read() (now, expected time.Time, trusted bool) {
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

func (a *anchor) allows(off time.Duration) bool { return -skew <= off && off <= a.ahead }

// Expiry returns the time that lifetimes are compared with.
func (c *Clock) Expiry() time.Time {
	now, _, trusted := c.Read()
	if !trusted {
		return c.anchor.Load().wall
	}
	return now
}

// Stamp returns the time from which the lifetime of what is stored now is counted.
func (c *Clock) Stamp() time.Time {
	now, expected, trusted := c.Read()
	if !trusted && expected.After(now) {
		return expected
	}
	return now
}

// Trusted reports whether lifetimes may end.
func (c *Clock) Trusted() bool {
	_, _, trusted := c.Read()
	return trusted
}

// Trust makes the clock's time the newest that was trusted, and returns it.
func (c *Clock) Trust() Reading {
	a := c.anchored()
	c.anchor.Store(a)
	return Reading{Time: a.wall, Boot: a.boot, Up: a.up}
}

// Newest returns the newest time that was trusted.
func (c *Clock) Newest() time.Time { return c.anchor.Load().wall }
