// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/server/fairness"
)

// machine is a machine whose clock and runs a test sets.
type machine struct {
	clock time.Time
	boot  string
	up    time.Duration
}

func (m *machine) now() time.Time                  { return m.clock }
func (m *machine) uptime() (string, time.Duration) { return m.boot, m.up }
func (m *machine) pass(d time.Duration)            { m.clock, m.up = m.clock.Add(d), m.up+d }

func TestClockAfterAStart(t *testing.T) {
	newest := time.Unix(1_800_000_000, 0)
	row := StateRow{Newest: newest.Unix(), Boot: "one", Uptime: int64(time.Hour)}
	for name, c := range map[string]struct {
		m       machine
		trusted bool
	}{
		"the machine ran on, the server was off for ten days": {machine{newest.Add(10 * day), "one", time.Hour + 10*day}, true},
		"the machine ran on, the clock is two hours ahead":    {machine{newest.Add(3 * time.Hour), "one", 2 * time.Hour}, false},
		"the machine ran on, the clock is two hours behind":   {machine{newest.Add(-time.Hour), "one", 2 * time.Hour}, false},
		"the machine was off for a weekend":                   {machine{newest.Add(64 * time.Hour), "two", 0}, true},
		"the machine was off for a week, or so it seems":      {machine{newest.Add(7 * day), "two", 0}, false},
		"the machine lost its clock":                          {machine{time.Unix(0, 0), "two", 0}, false},
		"another machine, an hour later":                      {machine{newest.Add(time.Hour), "three", 30 * day}, true},
		"a machine that does not name its runs":               {machine{newest.Add(time.Hour), "", 30 * day}, true},
	} {
		if got := newClock(c.m.now, c.m.uptime, row).trusted(); got != c.trusted {
			t.Errorf("%s: trusted %v", name, got)
		}
	}
	first := machine{clock: newest}
	if !newClock(first.now, first.uptime, StateRow{}).trusted() {
		t.Error("a store that has seen no time: the clock is doubted")
	}
}

// A clock that was behind at the start, and is set right later, is trusted then:
// nobody knows how long the machine was off, but it was no longer than clockGap.
func TestClockIsSetAfterTheStart(t *testing.T) {
	newest := time.Unix(1_800_000_000, 0)
	m := machine{clock: time.Unix(0, 0), boot: "two"}
	c := newClock(m.now, m.uptime, StateRow{Newest: newest.Unix(), Boot: "one"})
	m.pass(time.Minute)
	if c.trusted() || !c.expiry().Equal(newest) || c.stamp().Before(newest.Add(time.Minute)) {
		t.Errorf("behind: trusted %v, expiry %v, stamp %v", c.trusted(), c.expiry(), c.stamp())
	}
	m.clock = newest.Add(20 * time.Hour)
	if !c.trusted() || !c.expiry().Equal(m.clock) {
		t.Error("set right, and doubted")
	}
}

// A rate does not refuse permanently because the clock was ahead, and gives no more
// than one burst.
func TestBucketsAndAJumpOfTheClock(t *testing.T) {
	r := fairness.Rate{Burst: 2, PerSecond: 1}
	for _, off := range []time.Duration{2 * time.Hour, -2 * time.Hour, 40 * day, -40 * day, 3650 * day, -3650 * day} {
		now := time.Unix(1_800_000_000, 0)
		var b fairness.Bucket
		take := func(at time.Time) (n int) {
			for {
				if _, ok := b.Take(r, 1, at); !ok {
					return n
				}
				n++
			}
		}
		if got := take(now); got != 2 {
			t.Fatalf("%v: a burst of %d", off, got)
		}
		want := 0
		if off > 0 {
			want = 2
		}
		if got := take(now.Add(off)); got != want {
			t.Errorf("%v: %d while the clock is wrong, want %d", off, got, want)
		}
		if got := take(now.Add(2 * time.Second)); got > 2 {
			t.Errorf("%v: %d when it is right again", off, got)
		}
		if got := take(now.Add(10 * time.Second)); got != 2 {
			t.Errorf("%v: %d later", off, got)
		}
	}
}
