// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/protocol"
)

// A gatedStore waits at an update while it holds a gate that is not closed.
type gatedStore struct {
	backend.Store
	gate atomic.Pointer[chan struct{}]
}

func (g *gatedStore) Update(fn func(backend.Tx) error) error {
	if gate := g.gate.Load(); gate != nil {
		<-*gate
	}
	return g.Store.Update(fn)
}

// A request that says too much is accepted at the moment when more of it comes
// than anybody has to hear: what was not heard then is delivered again.
func TestRequestsAreAcceptedWhileTheySayTooMuch(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		alice, bob := join(t, net, "alice", host), join(t, net, "bob", host)
		store := &gatedStore{Store: bob.cfg.Store}
		bob.cfg.Store = store
		bob.restart()
		id, err := alice.CreateGroup(t.Context(), "Group", []account.Address{bob.Address()})
		must(t, err)
		must(t, alice.ConnectConversation(id))
		pass(time.Minute)
		bob.way.Partition("", true)
		var said []string
		for i := range 40 {
			text := fmt.Sprint(i, strings.Repeat("x", 60<<10))
			said = append(said, text)
			alice.say(id, text)
		}
		pass(time.Minute)
		opens := make(chan struct{}, 10)
		net.Server(host).SetFaults(fakeserver.Faults{Request: func(who string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
			if who == "bob" && op == protocol.OpChannelOpen {
				opens <- struct{}{}
			}
			return v
		}})
		bob.way.Delay(10 * time.Second)
		bob.way.Partition("", false)
		<-opens
		gate := make(chan struct{})
		store.gate.Store(&gate)
		accepted := make(chan error)
		go func() { accepted <- bob.Accept(t.Context(), id) }()
		pass(time.Minute)
		store.gate.Store(nil)
		close(gate)
		must(t, <-accepted)
		pass(time.Minute)
		said = append(said, "last")
		alice.say(id, "last")
		pass(time.Minute)
		if got := bob.texts(id); len(got) != len(said) {
			t.Errorf("%d messages of %d", len(got), len(said))
		}
	})
}
