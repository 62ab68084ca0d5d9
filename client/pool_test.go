// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import "testing"

// A server opens a bounded number of channels on one connection, so that many
// share one, and more have another; requests have theirs apart.
func TestChannelsShareConnections(t *testing.T) {
	c := lonely(t)
	seen := map[*channelLink]int{}
	var all []*channelLink
	take := func(why purpose, n int) {
		for range n {
			l := c.pool.acquire("there", why)
			seen[l]++
			all = append(all, l)
		}
	}
	take(forConversations, 2*channelsPerLink)
	take(forRequests, maxOpenRequests)
	if len(seen) != 3 {
		t.Errorf("%d connections", len(seen))
	}
	for l, n := range seen {
		if n > channelsPerLink || l.users != n {
			t.Errorf("%d channels on one connection, which counts %d", n, l.users)
		}
	}
	for _, l := range all {
		c.pool.release(l)
	}
	if len(c.pool.links) != 0 {
		t.Errorf("%v are left", c.pool.links)
	}
	for l := range seen {
		if l.ctx.Err() == nil {
			t.Error("a connection goes on")
		}
	}
}

// The connection of a request that is accepted goes on with it, if it carries
// nothing else.
func TestAcceptedRequestsKeepTheirConnection(t *testing.T) {
	c := lonely(t)
	one := c.pool.acquire("here", forRequests)
	if !c.pool.promote(one) || c.pool.acquire("here", forConversations) != one {
		t.Error("the connection was not kept")
	}
	two := c.pool.acquire("here", forRequests)
	if two == one || c.pool.promote(two) {
		t.Error("a second connection for conversations")
	}
	three := c.pool.acquire("elsewhere", forRequests)
	if c.pool.acquire("elsewhere", forRequests) != three || c.pool.promote(three) {
		t.Error("a connection of two requests was given to one")
	}
}
