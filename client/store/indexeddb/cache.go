// SPDX-License-Identifier: AGPL-3.0-or-later

package indexeddb

import "sync"

// What is kept in memory of what was read or written, in bytes, and the
// largest value that is worth it: reading one costs a third of a millisecond,
// and a client reads the same few again and again.
const (
	cacheRoom  = 8 << 20
	cacheValue = 16 << 10
)

// A cache holds values as they are in the database; a nil value is the
// knowledge that there is none. It has two generations: when the young one is
// full, the old one goes, and what is asked for becomes young again.
type cache struct {
	room int // of a generation

	mu         sync.Mutex // guards what follows
	young, old map[string][]byte
	used       int // by the young
}

func newCache(room int) *cache { return &cache{room: room / 2, young: map[string][]byte{}} }

// get returns a value that must not be changed, and whether it is known.
func (c *cache) get(key []byte) (value []byte, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if value, known = c.young[string(key)]; known {
		return value, true
	}
	if value, known = c.old[string(key)]; known {
		c.keep(string(key), value)
	}
	return value, known
}

// set notes what the database holds at key. The cache keeps value.
func (c *cache) set(key string, value []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(value) > cacheValue {
		c.forget(key)
		return
	}
	c.keep(key, value)
}

func (c *cache) forget(key string) {
	if value, ok := c.young[key]; ok {
		c.used -= size(key, value)
		delete(c.young, key)
	}
	delete(c.old, key)
}

func (c *cache) keep(key string, value []byte) {
	c.forget(key)
	if c.used+size(key, value) > c.room {
		c.old, c.young, c.used = c.young, map[string][]byte{}, 0
	}
	c.young[key] = value
	c.used += size(key, value)
}

// size is about what an entry takes.
func size(key string, value []byte) int { return len(key) + len(value) + 64 }
