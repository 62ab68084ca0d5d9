// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"crypto/sha256"
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

// targets limit what anonymous origins together may do to one account, device
// or token. Each target has a budget that is divided as [shares] are, so that
// one origin cannot use up what others need.
type targets[K comparable] struct {
	rate Rate

	mu       sync.Mutex
	known    map[K]*target
	overflow target // of all for which there is no room
}

type target struct {
	bucket
	by map[levelKey]float64 // the parts of spent
}

func newTargets[K comparable](r Rate) *targets[K] {
	return &targets[K]{rate: r, known: map[K]*target{}}
}

// take takes n of a target's budget, or says how long to wait.
func (t *targets[K]) take(key K, from *origin, n float64, now time.Time) (wait time.Duration, ok bool) {
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

// takeKnown is take for a target that was taken from lately; it reports whether
// it was.
func (t *targets[K]) takeKnown(key K, from *origin, n float64, now time.Time) (wait time.Duration, ok, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.known[key]
	if one == nil {
		return 0, false, false
	}
	wait, ok = one.take(t.rate, from, n, now)
	return wait, ok, true
}

// reset forgets what was done to a target.
func (t *targets[K]) reset(key K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.known, key)
}

// forget drops the targets whose budgets are whole again.
func (t *targets[K]) forget(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, one := range t.known {
		if one.full(t.rate, now) {
			delete(t.known, key)
		}
	}
}

func (t *target) take(r Rate, from *origin, n float64, now time.Time) (wait time.Duration, ok bool) {
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

// targetSets are all targets of anonymous requests.
type targetSets struct {
	keyPackages *targets[string]            // an account's
	letter      *targets[DeviceRef]         // of strangers, in letterUnits
	room        *targets[DeviceRef]         // bytes that strangers' letters take
	wake        *targets[[sha256.Size]byte] // by a token's hash
}

func newTargetSets(l *Limits) *targetSets {
	half := float64(l.MaxMailboxBytes) / 2
	return &targetSets{
		keyPackages: newTargets[string](l.TargetTake),
		letter:      newTargets[DeviceRef](l.TargetLetter),
		room:        newTargets[DeviceRef](Rate{Burst: half, PerSecond: half / keptFor.Seconds()}),
		wake:        newTargets[[sha256.Size]byte](l.TargetWake),
	}
}

func (t *targetSets) forget(now time.Time) {
	t.keyPackages.forget(now)
	t.letter.forget(now)
	t.room.forget(now)
	t.wake.forget(now)
}
