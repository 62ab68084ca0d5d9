// SPDX-License-Identifier: AGPL-3.0-or-later

package indexeddb

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// What a cache knows is what was set last, and it knows what is asked for
// often.
func TestCacheKnowsTheLatest(t *testing.T) {
	c := newCache(10_000)
	latest := map[string][]byte{}
	r := rand.New(rand.NewPCG(1, 2))
	knew := 0
	for i := range 20_000 {
		key := fmt.Sprint(r.IntN(200))
		if i%3 == 0 {
			value := bytes.Repeat([]byte{byte(i)}, r.IntN(60))
			if r.IntN(4) == 0 {
				value = nil
			}
			if r.IntN(50) == 0 {
				value = make([]byte, cacheValue+1)
			}
			c.set(key, value)
			latest[key] = value
		}
		if got, known := c.get([]byte(key)); known {
			knew++
			if !bytes.Equal(got, latest[key]) || (got == nil) != (latest[key] == nil) {
				t.Fatalf("%s is %q, want %q", key, got, latest[key])
			}
		}
		if c.used > c.room || len(c.young)+len(c.old) > 160 {
			t.Fatalf("%d bytes in %d and %d entries", c.used, len(c.young), len(c.old))
		}
		c.set("often", []byte("asked"))
		if _, known := c.get([]byte("often")); !known {
			t.Fatal("what is asked for all the time is forgotten")
		}
	}
	if knew < 5_000 {
		t.Errorf("it knew %d of 20000", knew)
	}
}
