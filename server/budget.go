// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"sync"
	"sync/atomic"
)

// budget bounds a number of bytes; who wants more than is free waits.
type budget struct {
	limit int64
	used  atomic.Int64

	mu      sync.Mutex // taken by those who wait or let others go on
	cond    sync.Cond
	waiting atomic.Int64
}

func newBudget(limit int64) *budget {
	b := &budget{limit: limit}
	b.cond.L = &b.mu
	return b
}

// acquire waits until something is free and takes n, which may exceed the
// limit by this one time.
func (b *budget) acquire(n int64) {
	if b.used.Load() < b.limit {
		b.used.Add(n)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting.Add(1)
	defer b.waiting.Add(-1)
	for b.used.Load() >= b.limit {
		b.cond.Wait()
	}
	b.used.Add(n)
}

// force takes n without waiting.
func (b *budget) force(n int64) { b.used.Add(n) }

func (b *budget) release(n int64) {
	b.used.Add(-n)
	if b.waiting.Load() > 0 {
		b.mu.Lock()
		b.cond.Broadcast()
		b.mu.Unlock()
	}
}

// exhausted reports whether acquire would wait.
func (b *budget) exhausted() bool { return b.used.Load() >= b.limit }
