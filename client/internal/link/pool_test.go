// SPDX-License-Identifier: AGPL-3.0-or-later

package link

import (
	"context"
	"testing"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/protocol"
)

// unreachable is a transport that reaches nothing.
type unreachable struct{}

func (unreachable) Dial(context.Context, string) (backend.Conn, error) {
	return nil, backend.ErrOffline
}
func (unreachable) Blobs(string) backend.Blobs { return nil }

// idle returns a network that reaches no server.
func idle(t *testing.T) *Network {
	return New(t.Context(), Config{
		Home: "here", Transport: unreachable{}, Log: Discard{}, Spawn: func(fn func()) { go fn() }, Emit: func(chat.Event) {},
		Hello: func(protocol.Hello) {}, SignIn: func() {},
	})
}

// A server opens a bounded number of channels on one connection, so that many
// share one, and more have another; requests have theirs apart.
func TestChannelsShareConnections(t *testing.T) {
	p := idle(t).Pool
	seen := map[*ChannelLink]int{}
	var all []*ChannelLink
	take := func(why Purpose, n int) {
		for range n {
			l := p.Acquire("there", why)
			seen[l]++
			all = append(all, l)
		}
	}
	take(ForConversations, 2*channelsPerLink)
	take(ForRequests, 16)
	if len(seen) != 3 {
		t.Errorf("%d connections", len(seen))
	}
	for l, n := range seen {
		if n > channelsPerLink || l.users != n {
			t.Errorf("%d channels on one connection, which counts %d", n, l.users)
		}
	}
	for _, l := range all {
		p.Release(l)
	}
	if len(p.links) != 0 {
		t.Errorf("%v are left", p.links)
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
	p := idle(t).Pool
	one := p.Acquire("here", ForRequests)
	if !p.Promote(one) || p.Acquire("here", ForConversations) != one {
		t.Error("the connection was not kept")
	}
	two := p.Acquire("here", ForRequests)
	if two == one || p.Promote(two) {
		t.Error("a second connection for conversations")
	}
	three := p.Acquire("elsewhere", ForRequests)
	if p.Acquire("elsewhere", ForRequests) != three || p.Promote(three) {
		t.Error("a connection of two requests was given to one")
	}
}
