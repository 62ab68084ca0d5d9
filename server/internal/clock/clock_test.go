// SPDX-License-Identifier: AGPL-3.0-or-later

package clock

import (
	"testing"
	"time"
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

const day = 24 * time.Hour

func TestClockAfterAStart(t *testing.T) {
	newest := time.Unix(1_800_000_000, 0)
	last := Reading{Time: newest, Boot: "one", Up: time.Hour}
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
		if got := New(c.m.now, c.m.uptime, last).Trusted(); got != c.trusted {
			t.Errorf("%s: trusted %v", name, got)
		}
	}
	first := machine{clock: newest}
	if !New(first.now, first.uptime, Reading{}).Trusted() {
		t.Error("a store that has seen no time: the clock is doubted")
	}
}

// A clock that was behind at the start, and is set right later, is trusted then:
// nobody knows how long the machine was off, but it was no longer than gap.
func TestClockIsSetAfterTheStart(t *testing.T) {
	newest := time.Unix(1_800_000_000, 0)
	m := machine{clock: time.Unix(0, 0), boot: "two"}
	c := New(m.now, m.uptime, Reading{Time: newest, Boot: "one"})
	m.pass(time.Minute)
	if c.Trusted() || !c.Expiry().Equal(newest) || c.Stamp().Before(newest.Add(time.Minute)) {
		t.Errorf("behind: trusted %v, expiry %v, stamp %v", c.Trusted(), c.Expiry(), c.Stamp())
	}
	m.clock = newest.Add(20 * time.Hour)
	if !c.Trusted() || !c.Expiry().Equal(m.clock) {
		t.Error("set right, and doubted")
	}
}
