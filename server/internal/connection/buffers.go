// SPDX-License-Identifier: AGPL-3.0-or-later

package connection

import "sync"

// Buffers of these sizes are used again: for short messages, for others, and
// for what the writers gather.
var pools = [...]struct {
	size int
	pool *sync.Pool
}{
	{shortMessage, new(sync.Pool)},
	{firstChunk, new(sync.Pool)},
	{BatchSize, new(sync.Pool)},
}

// getBuffer returns an empty buffer with room for at least n bytes.
func getBuffer(n int) []byte {
	for _, p := range pools {
		if n > p.size {
			continue
		}
		if b, ok := p.pool.Get().(*[]byte); ok {
			return (*b)[:0]
		}
		return make([]byte, 0, p.size)
	}
	return make([]byte, 0, n)
}

func putBuffer(b []byte) {
	for _, p := range pools {
		if cap(b) == p.size {
			p.pool.Put(&b)
			return
		}
	}
}
