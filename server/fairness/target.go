// SPDX-License-Identifier: AGPL-3.0-or-later

package fairness

import (
	"sync"
	"time"
)

// Bounds of what targets remember.
const (
	maxTargets       = 1 << 16
	maxTargetOrigins = 256
)

// targetPart is which part of a target's free budget an origin may use.
const targetPart = 0.25

// Targets limit what anonymous origins together may do to one account, device
// or token. Each target has a budget that is divided as [Shares] are, so that
// one origin cannot use up what others need.
type Targets[K comparable] struct {
	rate Rate

	mu       sync.Mutex
	known    map[K]*target
	overflow target // of all for which there is no room
}

type target struct {
	Bucket
	by map[levelKey]float64 // the parts of spent
}

func NewTargets[K comparable](r Rate) *Targets[K] {
	return &Targets[K]{rate: r, known: map[K]*target{}}
}

// Take takes n of a target's budget, or says how long to wait.
func (t *Targets[K]) Take(key K, from *Origin, n float64, now time.Time) (wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.known[key]
	if one == nil {
		if len(t.known) >= maxTargets {
			one = &t.overflow
		} else {
			one = new(target)
			t.known[key] = one
		}
	}
	return one.take(t.rate, from, n, now)
}

// TakeKnown is take for a target that was taken from lately; it reports whether
// it was.
func (t *Targets[K]) TakeKnown(key K, from *Origin, n float64, now time.Time) (wait time.Duration, ok, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.known[key]
	if one == nil {
		return 0, false, false
	}
	wait, ok = one.take(t.rate, from, n, now)
	return wait, ok, true
}

// Reset forgets what was done to a target.
func (t *Targets[K]) Reset(key K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.known, key)
}

// Forget drops the targets whose budgets are whole again.
func (t *Targets[K]) Forget(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, one := range t.known {
		if one.full(t.rate, now) {
			delete(t.known, key)
		}
	}
}

func (t *target) take(r Rate, from *Origin, n float64, now time.Time) (wait time.Duration, ok bool) {
	before := t.spent
	t.refill(r, now)
	for key := range t.by { // each part shrinks as the whole does
		if t.by[key] *= t.spent / before; t.by[key] < 1e-3 || before == 0 {
			delete(t.by, key)
		}
	}
	free, most := r.Burst-t.spent-n, 0.0
	for _, l := range from.levels {
		most = max(most, t.by[t.slot(l.key)])
	}
	missing := -free
	if most > 0 {
		missing = max(missing, most+n-targetPart*free)
	}
	if missing > 0 {
		if r.PerSecond <= 0 || n > r.Burst {
			return time.Hour, false
		}
		return time.Duration(missing / r.PerSecond * float64(time.Second)), false
	}
	t.spent += n
	if t.by == nil {
		t.by = map[levelKey]float64{}
	}
	for _, l := range from.levels {
		t.by[t.slot(l.key)] += n
	}
	return 0, true
}

// slot returns the key under which an origin's part is counted.
func (t *target) slot(key levelKey) levelKey {
	if _, ok := t.by[key]; ok || len(t.by) < maxTargetOrigins {
		return key
	}
	return levelKey{kind: overflowLevel}
}
