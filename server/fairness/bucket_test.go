// SPDX-License-Identifier: AGPL-3.0-or-later

package fairness

import (
	"net/netip"
	"testing"
	"time"
)

func TestBucketsRefillAndAreForgotten(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	limits := DefaultLimits()
	limits.Register = Rate{Burst: 2, PerSecond: 1}
	set := NewOriginSet(&limits, NewShares(&limits))
	from := set.Enter(netip.MustParseAddr("192.0.2.1"), "")
	take := func(at time.Duration) bool {
		_, ok := from.Take(RateRegister, 1, now.Add(at))
		return ok
	}
	if first, second, third := take(0), take(0), take(0); !first || !second || third {
		t.Error("a burst of 2 is not 2")
	}
	if wait, ok := from.Take(RateRegister, 1, now); ok || wait != time.Second {
		t.Errorf("wait %s", wait)
	}
	if take(900*time.Millisecond) || !take(1100*time.Millisecond) {
		t.Error("refill")
	}
	from.Leave()
	set.Forget(now.Add(1200 * time.Millisecond))
	if len(set.levels) != 1 {
		t.Error("forgot a bucket in use")
	}
	set.Forget(now.Add(time.Hour))
	if len(set.levels) != 0 {
		t.Error("kept a full bucket")
	}
}

// A rate does not refuse permanently because the clock was ahead, and gives no more
// than one burst.
func TestBucketsAndAJumpOfTheClock(t *testing.T) {
	const day = 24 * time.Hour
	r := Rate{Burst: 2, PerSecond: 1}
	for _, off := range []time.Duration{2 * time.Hour, -2 * time.Hour, 40 * day, -40 * day, 3650 * day, -3650 * day} {
		now := time.Unix(1_800_000_000, 0)
		var b Bucket
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
