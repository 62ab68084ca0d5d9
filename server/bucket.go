// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"
)

// bucket is a token bucket. Its zero value is full.
type bucket struct {
	spent float64 // tokens missing at the time of last
	last  time.Time
}

// take takes n tokens, or says how long to wait for them.
func (b *bucket) take(r Rate, n float64, now time.Time) (wait time.Duration, ok bool) {
	if !b.last.IsZero() {
		b.spent = max(0, b.spent-r.PerSecond*now.Sub(b.last).Seconds())
	}
	b.last = now
	if missing := b.spent + n - r.Burst; missing > 0 {
		if r.PerSecond <= 0 || n > r.Burst {
			return time.Hour, false
		}
		return time.Duration(missing / r.PerSecond * float64(time.Second)), false
	}
	b.spent += n
	return 0, true
}

func (b *bucket) full(r Rate, now time.Time) bool {
	return b.spent <= r.PerSecond*now.Sub(b.last).Seconds()
}

// maxBuckets bounds a limiter's memory. When it is reached and all buckets are
// in use, newcomers share one.
const maxBuckets = 1 << 16

// limiter has a bucket for each key, in memory only.
type limiter[K comparable] struct {
	rate Rate

	mu       sync.Mutex
	buckets  map[K]*bucket
	overflow bucket
}

func newLimiter[K comparable](r Rate) *limiter[K] {
	return &limiter[K]{rate: r, buckets: map[K]*bucket{}}
}

func (l *limiter[K]) take(key K, n float64, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[key]
	if b == nil {
		if len(l.buckets) >= maxBuckets {
			return l.overflow.take(l.rate, n, now)
		}
		b = new(bucket)
		l.buckets[key] = b
	}
	return b.take(l.rate, n, now)
}

// forget drops the buckets that are full again.
func (l *limiter[K]) forget(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, b := range l.buckets {
		if b.full(l.rate, now) {
			delete(l.buckets, key)
		}
	}
}

// origin is what one rate-limited party looks like from here: an IPv4 address
// or an IPv6 /64. It stays in memory.
type origin struct{ addr netip.Addr }

func originOf(a netip.Addr) origin {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			a = p.Addr()
		}
	}
	return origin{a}
}

// limiters are all that a node keeps by address and by target.
type limiters struct {
	register, authenticate, lookup, takeKeys, letter, create, open, connect, upload, disclose, wakeRegister, wake *limiter[origin]
	targetTake                                                                                                    *limiter[string]
	targetLetter                                                                                                  *limiter[DeviceRef]
	targetWake                                                                                                    *limiter[[sha256.Size]byte]
}

func newLimiters(l *Limits) *limiters {
	return &limiters{
		register:     newLimiter[origin](l.Register),
		authenticate: newLimiter[origin](l.Authenticate),
		lookup:       newLimiter[origin](l.Lookup),
		takeKeys:     newLimiter[origin](l.Take),
		letter:       newLimiter[origin](l.Letter),
		create:       newLimiter[origin](l.Create),
		open:         newLimiter[origin](l.Open),
		connect:      newLimiter[origin](l.Connect),
		upload:       newLimiter[origin](l.Upload),
		disclose:     newLimiter[origin](l.Disclose),
		wakeRegister: newLimiter[origin](l.WakeRegister),
		wake:         newLimiter[origin](l.Wake),
		targetTake:   newLimiter[string](l.TargetTake),
		targetLetter: newLimiter[DeviceRef](l.TargetLetter),
		targetWake:   newLimiter[[sha256.Size]byte](l.TargetWake),
	}
}

func (l *limiters) forget(now time.Time) {
	for _, o := range []*limiter[origin]{l.register, l.authenticate, l.lookup, l.takeKeys, l.letter, l.create, l.open, l.connect, l.upload, l.disclose, l.wakeRegister, l.wake} {
		o.forget(now)
	}
	l.targetTake.forget(now)
	l.targetLetter.forget(now)
	l.targetWake.forget(now)
}
