// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/link"
)

// foreignPatience is how long Sync waits for what depends on others than the
// account's own server, once that has answered.
const foreignPatience = 3 * time.Second

// errPatience ends a wait for other servers.
var errPatience = errors.New("client: other servers take too long")

// Sync waits until the mailbox and all conversations of the account's own server
// have received what it holds for them, and reported what was to be reported
// before. For other servers, for lookups and letters there, and for requests it
// waits a few seconds at most, which is no error: Unreached tells which do not
// answer. If the account cannot be used before a person has done something, the error
// says so at once.
func (c *Client) Sync(ctx context.Context) error {
	err := c.home.Sync(ctx)
	if chat.NeedsPerson(err) {
		return err
	}
	c.mu.Lock()
	actors := make([]*actor, 0, len(c.actors))
	for _, a := range c.actors {
		actors = append(actors, a)
	}
	c.mu.Unlock()
	for _, a := range actors {
		if c.net.IsForeign(a.host) {
			continue
		}
		if e := a.wait(ctx, snapshot.current); e != nil {
			return errors.Join(err, e)
		}
	}
	short, cancel := context.WithTimeoutCause(ctx, foreignPatience, errPatience)
	defer cancel()
	for _, a := range actors {
		e := a.wait(short, func(s snapshot) bool {
			return s.settled() && (s.purpose != link.ForRequests || s.CaughtUp)
		})
		if errors.Is(e, errPatience) {
			break
		}
		if e != nil {
			return errors.Join(err, e)
		}
	}
	return err
}

// current reports whether a conversation that goes on has what its server holds
// for it.
func (s snapshot) current() bool {
	return s.purpose != link.ForConversations || !s.Following || s.CaughtUp && !s.Reporting
}

// settled is current, with what depends on other servers done, too.
func (s snapshot) settled() bool {
	return s.current() && (s.purpose == link.ForNothing || !s.Following || !s.Checking && s.Deliver == 0)
}

// Unreached returns why other servers that accepted conversations lie on
// cannot be reached, by their hosts.
func (c *Client) Unreached() map[string]error {
	return c.net.Pool.Unreached()
}
