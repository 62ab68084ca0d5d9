// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/internal/records"
)

const (
	maxPartsAhead = 8                   // that the other device has not taken in yet
	transferLife  = 30 * 24 * time.Hour // a device that comes later asks again
)

// transfers are the histories on their way between this device and the account's others.
type transfers struct {
	mu      sync.Mutex // guards what follows
	giving  map[account.DeviceID]chan struct{}
	taking  bool
	another bool // something came while taking
	whole   bool // the whole history has come to this device since it was opened
}

// pollEvery is how often a wait looks whether it is over.
const pollEvery = 100 * time.Millisecond

// waitFor waits until done returns true.
func (c *Client) waitFor(ctx context.Context, done func() (bool, error)) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		}
	}
}

// WaitUntilGiven waits until a device that this one let in has the history of before. What
// was said until it joined the groups may still be on its way.
func (d Devices) WaitUntilGiven(ctx context.Context, id account.DeviceID) error {
	return d.c.waitFor(ctx, func() (done bool, err error) {
		err = d.c.store.View(func(tx *records.Tx) error {
			t, ok, err := records.LoadTransfer(tx, id)
			if err != nil {
				return err
			}
			done = !ok || t.Ready && t.Whole == uint64(len(t.Chats)) && t.Taken >= t.Last
			return nil
		})
		return done, err
	})
}

// WaitUntilTaken waits until this device, which was let in, has the history.
func (d Devices) WaitUntilTaken(ctx context.Context) error {
	return d.c.waitFor(ctx, func() (bool, error) {
		d.c.transfer.mu.Lock()
		defer d.c.transfer.mu.Unlock()
		return d.c.transfer.whole, nil
	})
}

// WaitUntilFollowed waits until the conversations have the devices that the accounts'
// chains have, as far as their servers have key packages for them, and no others.
func (d Devices) WaitUntilFollowed(ctx context.Context) error {
	if err := d.c.ConnectAll(); err != nil {
		return err
	}
	d.c.mu.Lock()
	actors := slices.Collect(maps.Values(d.c.actors))
	d.c.mu.Unlock()
	for _, a := range actors {
		if err := a.wait(ctx, func(s snapshot) bool {
			return s.known && (!s.Following || s.Devices == 0 && s.Outbox == 0 && s.Deliver == 0)
		}); err != nil {
			return err
		}
	}
	return nil
}
