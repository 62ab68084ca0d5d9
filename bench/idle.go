// SPDX-License-Identifier: AGPL-3.0-or-later

package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
)

// Idle makes n connections that do nothing, each, if open is set, with a
// channel of its own open. hangUp ends them.
func Idle(ctx context.Context, url string, n int, open bool) (hangUp func(), err error) {
	var conns []*conn
	hangUp = func() {
		for _, c := range conns {
			_ = c.net.Close() // nothing was asked
		}
	}
	for i := range n {
		c, err := dial(ctx, url, 512)
		if err != nil {
			hangUp()
			return nil, fmt.Errorf("connection %d: %w", i, err)
		}
		conns = append(conns, c)
		if !open {
			continue
		}
		var id protocol.ChannelID
		_, _ = rand.Read(id[:]) // never fails
		err = c.create(id)
		if err == nil {
			err = c.open(id)
		}
		if err != nil {
			hangUp()
			return nil, fmt.Errorf("connection %d: %w", i, err)
		}
	}
	return hangUp, nil
}

// Settled reads a figure until it has not fallen for a while.
func Settled(ctx context.Context, read func() (int, error)) (int, error) {
	least, since := 0, time.Now()
	for {
		n, err := read()
		if err != nil {
			return 0, err
		}
		if least == 0 || n < least {
			least, since = n, time.Now()
		}
		if time.Since(since) > 5*time.Second {
			return n, nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return 0, err
		}
	}
}
