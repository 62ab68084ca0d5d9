// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Parallel runs job(0) to job(n-1), which must not depend on each other, and
// returns the error of the lowest that failed. Jobs begin in their order; each should be
// worth a few microseconds at least.
func Parallel(n int, job func(int) error) error {
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers <= 1 {
		for i := range n {
			if err := job(i); err != nil {
				return err
			}
		}
		return nil
	}
	var (
		next   atomic.Int64
		mu     sync.Mutex
		failed = n
		first  error
		group  sync.WaitGroup
	)
	work := func() {
		for {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			if err := job(i); err != nil {
				mu.Lock()
				if i < failed {
					failed, first = i, err
				}
				mu.Unlock()
				next.Store(int64(n))
				return
			}
		}
	}
	for range workers - 1 {
		group.Go(work)
	}
	work() // rather than wait
	group.Wait()
	return first
}
