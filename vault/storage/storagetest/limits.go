// SPDX-License-Identifier: AGPL-3.0-or-later

package storagetest

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/bandwidth"
)

// waitingClock passes only while something waits for a limit.
type waitingClock struct {
	mu  sync.Mutex
	now time.Time // guarded by mu
}

func (c *waitingClock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *waitingClock) wait(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return ctx.Err()
}

// RunLimited checks that a storage keeps to limits, by a clock that only waiting
// puts forward. open returns an empty storage.
func RunLimited(t *testing.T, open func(*testing.T, *bandwidth.Limits) storage.Storage) {
	const limit, size = 256 << 10, 2 << 20
	for _, upload := range []bool{true, false} {
		c := &waitingClock{now: time.Unix(0, 0)}
		o := bandwidth.Options{Download: limit, Now: c.read, Wait: c.wait}
		if upload {
			o.Upload, o.Download = limit, 0
		}
		s, data := open(t, bandwidth.New(o)), content(1, size)
		before := c.read()
		check(t, s.Create(t.Context(), "packs/1", data))
		created := c.read()
		got, err := storage.ReadAll(t.Context(), s, "packs/1", size)
		check(t, err)
		read := c.read()
		if !bytes.Equal(got, data) {
			t.Error("other bytes are read")
		}
		up, down := created.Sub(before), read.Sub(created)
		if !upload {
			up, down = down, up
		}
		if up < 7*time.Second { // of 8, and the first piece need not wait
			t.Errorf("upload %v: %d bytes passed in %v", upload, size, up)
		}
		if down > time.Second { // requests and answers that come with it
			t.Errorf("upload %v: what is not limited took %v", upload, down)
		}
	}
}
