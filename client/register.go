// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"sync/atomic"
)

// registerAttempts is how often a server may fail to answer before Register
// gives up.
const registerAttempts = 3

// Register waits until the account's server knows it. The error wraps ErrOffline
// if nobody answers, and is the server's *protocol.Error if it refuses.
func (c *Client) Register(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.Mail()
	var failures atomic.Int32
	stop := c.home.link.watch(watcher{down: func(error) {
		if failures.Add(1) >= registerAttempts {
			cancel()
		}
	}})
	defer stop()
	return c.home.sync(ctx)
}
