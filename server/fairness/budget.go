// SPDX-License-Identifier: AGPL-3.0-or-later

package fairness

import "sync"

// Budget bounds the bytes of one connection's unanswered posts.
type Budget struct {
	limit int64

	mu   sync.Mutex
	cond sync.Cond
	used int64
}

func NewBudget(limit int64) *Budget {
	b := &Budget{limit: limit}
	b.cond.L = &b.mu
	return b
}

// Acquire waits until something is free and takes n, which may exceed the
// limit by this one time.
func (b *Budget) Acquire(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.used >= b.limit {
		b.cond.Wait()
	}
	b.used += n
}

func (b *Budget) Release(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	b.cond.Signal() // the connection's reader alone waits
}
