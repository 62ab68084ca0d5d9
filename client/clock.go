// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// Which of two clocks is right nobody knows. So nothing is erased before the
// device's clock and that of the account's server both say that it is time,
// and key packages hold by the server's, which all who take them share.

// clockTrustPeriod is how long the device's clock is trusted after the last
// contact with the server.
const clockTrustPeriod = 48 * time.Hour

// A clockWatch compares the device's clock with those of servers.
type clockWatch struct {
	mu    sync.Mutex            // guards what follows
	hosts map[string]serverTime // those that told
	told  time.Duration         // the last ClockEvent's
	seen  time.Time             // when the account's server was last seen, by the earlier clock
}

// A serverTime is what a server said the time was, and when it said so by the
// monotonic clock: it goes on from there, however this device's clock is set.
type serverTime struct{ said, at time.Time }

func (s serverTime) now() time.Time { return s.said.Add(time.Since(s.at)) }

// compareClocks notes what a server says the time is.
func (c *Client) compareClocks(hello protocol.Hello) {
	if hello.Time == 0 || hello.Time > 1<<40 {
		return
	}
	w := &c.clocks
	w.mu.Lock()
	w.hosts[hello.Host] = serverTime{time.Unix(int64(hello.Time), 0), time.Now()}
	w.mu.Unlock()
	if c.net.IsForeign(hello.Host) {
		return
	}
	ahead, _ := c.aheadOfHost(hello.Host)
	w.mu.Lock()
	changed := w.told != ahead
	w.told = ahead
	w.mu.Unlock()
	if changed {
		c.emit(chat.ClockEvent{Ahead: ahead})
	}
}

// ClockAhead returns how far this device's clock is ahead of that of the
// account's server: negative if it is behind, 0 if they agree or the server was
// not seen yet.
func (acc Account) ClockAhead() time.Duration {
	ahead, _ := acc.c.aheadOfHost(acc.c.self.Address.Host)
	return ahead
}

// aheadOfHost returns how far this device's clock is ahead of a server's, 0 if
// that is within the tolerance, and whether the server told its time.
func (c *Client) aheadOfHost(host string) (ahead time.Duration, known bool) {
	c.clocks.mu.Lock()
	server, known := c.clocks.hosts[host]
	c.clocks.mu.Unlock()
	if !known {
		return 0, false
	}
	ahead = c.now().Sub(server.now()).Truncate(time.Second)
	if ahead.Abs() <= chat.ClockTolerance {
		ahead = 0
	}
	return ahead, true
}

// serverNow is the time by the account's server's clock, by this device's if
// that is not known.
func (c *Client) serverNow() time.Time { return c.now().Add(-c.Account().ClockAhead()) }

// eraseNow is the time up to which what has a lifetime may be erased: the
// earlier one of both clocks.
func (c *Client) eraseNow() time.Time {
	ahead, known := c.aheadOfHost(c.self.Address.Host)
	c.clocks.mu.Lock()
	seen := c.clocks.seen
	c.clocks.mu.Unlock()
	now := c.now()
	if known {
		return now.Add(-max(0, ahead))
	}
	if limit := seen.Add(clockTrustPeriod); !seen.IsZero() && now.After(limit) {
		return limit
	}
	return now
}

// lifeClock returns what is known of the time for messages that disappear.
func (c *Client) lifeClock() machine.LifeClock {
	ahead, known := c.aheadOfHost(c.self.Address.Host)
	return machine.LifeClock{Erase: c.eraseNow(), Ahead: ahead, Known: known}
}

// verifyAt returns a time at which a key package holds: by this device's clock
// or, if that differs from them, by that of the account's server or of host.
func (c *Client) verifyAt(kp *mls.KeyPackage, host string) (time.Time, error) {
	now := c.now()
	life, _ := kp.LeafNode().Lifetime()
	ahead, _ := c.aheadOfHost(host)
	for _, at := range []time.Time{c.serverNow(), now.Add(-ahead)} {
		if !machine.Holds(life, now) && machine.Holds(life, at) {
			now = at
		}
	}
	return now, kp.Verify(now)
}

// expireAll erases what expired while the program did not run, also in
// conversations that nobody opens any more.
func (c *Client) expireAll() error {
	life := c.lifeClock()
	var due [][]byte
	err := c.store.View(func(tx *records.Tx) (err error) {
		due, err = machine.DueMessages(tx, life)
		return err
	})
	if err != nil || len(due) == 0 {
		return err
	}
	return c.store.Update(func(tx *records.Tx) error { return machine.EraseDue(tx, due, life, c.now()) })
}
