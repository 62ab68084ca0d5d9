// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

// cache keeps the values that were put last, up to a limit.
type cache[K comparable, V any] struct {
	limit  int
	values map[K]V
	order  []K
}

func newCache[K comparable, V any](limit int) cache[K, V] {
	return cache[K, V]{limit: limit, values: map[K]V{}}
}

func (c *cache[K, V]) get(k K) (V, bool) {
	v, ok := c.values[k]
	return v, ok
}

func (c *cache[K, V]) put(k K, v V) {
	if _, ok := c.values[k]; !ok {
		if len(c.order) == c.limit {
			delete(c.values, c.order[0])
			c.order = c.order[1:]
		}
		c.order = append(c.order, k)
	}
	c.values[k] = v
}
