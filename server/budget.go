// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import "sync"

// budget bounds the bytes of one connection's unanswered posts.
type budget struct {
	limit int64

	mu   sync.Mutex
	cond sync.Cond
	used int64
}

func newBudget(limit int64) *budget {
	b := &budget{limit: limit}
	b.cond.L = &b.mu
	return b
}

// acquire waits until something is free and takes n, which may exceed the
// limit by this one time.
func (b *budget) acquire(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.used >= b.limit {
		b.cond.Wait()
	}
	b.used += n
}

func (b *budget) release(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	b.cond.Signal() // the connection's reader alone waits
}
