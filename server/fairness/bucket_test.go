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
