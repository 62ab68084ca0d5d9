// SPDX-License-Identifier: AGPL-3.0-or-later

package mountfs

import (
	"container/list"
	"context"
	"sync"

	"github.com/securecrypt/securecrypt/vault/pack"
)

// What a key of a cache stands for.
type cached uint8

const (
	cachedData cached = iota // a chunk of a file, []byte
	cachedTree               // a chunk of a tree, []byte
	cachedPage               // *tree.Page
	cachedPart               // *part
)

type cacheKey struct {
	what cached
	id   pack.ID
}

// A cache keeps the values that were used last, up to a number of bytes, and has
// each loaded by one goroutine at a time. It is safe for concurrent use.
type cache struct {
	limit int

	mu      sync.Mutex
	used    int                        // guarded by mu, as all below
	values  map[cacheKey]*list.Element // of *cacheValue
	order   list.List                  // the value that was used last is at the front
	loading map[cacheKey]*loading
}

type cacheValue struct {
	key   cacheKey
	value any
	size  int
}

// loading is a value that a goroutine loads. The fields are valid once done is
// closed.
type loading struct {
	done  chan struct{}
	value any
	err   error
}

func newCache(limit int) *cache {
	return &cache{limit: limit, values: map[cacheKey]*list.Element{}, loading: map[cacheKey]*loading{}}
}

// get returns the value of a key, which load returns with its size in bytes if the
// cache does not have it. A caller that waits for another one's load returns when
// its context is done.
func (c *cache) get(ctx context.Context, key cacheKey, load func() (value any, size int, err error)) (any, error) {
	c.mu.Lock()
	if e := c.values[key]; e != nil {
		c.order.MoveToFront(e)
		c.mu.Unlock()
		return e.Value.(*cacheValue).value, nil
	}
	if l := c.loading[key]; l != nil {
		c.mu.Unlock()
		select {
		case <-l.done:
			return l.value, l.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	l := &loading{done: make(chan struct{})}
	c.loading[key] = l
	c.mu.Unlock()
	var size int
	l.value, size, l.err = load()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.loading, key)
	close(l.done)
	if l.err == nil {
		c.keep(&cacheValue{key, l.value, size})
	}
	return l.value, l.err
}

// keep adds a value and drops those that were used longest ago. c.mu is held.
func (c *cache) keep(v *cacheValue) {
	if v.size > c.limit {
		return
	}
	c.values[v.key] = c.order.PushFront(v)
	c.used += v.size
	for c.used > c.limit {
		last := c.order.Back()
		old := c.order.Remove(last).(*cacheValue)
		delete(c.values, old.key)
		c.used -= old.size
	}
}
