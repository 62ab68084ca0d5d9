// SPDX-License-Identifier: AGPL-3.0-or-later

package fairness

import "time"

// commitPause is how long an address must not have committed to a channel to be
// allowed a commit although the rate of the channel is used up.
const commitPause = time.Minute

// maxCommitters bounds the addresses that a channel remembers.
const maxCommitters = 256

// CommitTurns shares the rate of commits to a channel among its members. Each
// commit invalidates those that other members have prepared, so that a member
// who commits without pause would prevent all other commits. When the channel's
// rate is used up, addresses without a recent commit may still make one.
type CommitTurns struct {
	spent Bucket
	last  map[*level]time.Time // when an address made its last commit
}

// Take takes a commit, or returns how long to wait.
func (t *CommitTurns) Take(rate Rate, from *Origin, now time.Time) (wait time.Duration, ok bool) {
	var who *level // nil: all connections without an address are one
	if len(from.levels) > 0 {
		who = from.levels[0]
	}
	for l, at := range t.last {
		if now.Sub(at) > commitPause {
			delete(t.last, l)
		}
	}
	wait, ok = t.spent.Take(rate, 1, now)
	_, lately := t.last[who]
	if !ok && (lately || len(t.last) >= maxCommitters) {
		return wait, false
	}
	if t.last == nil {
		t.last = map[*level]time.Time{}
	}
	t.last[who] = now
	return 0, true
}
