// SPDX-License-Identifier: AGPL-3.0-or-later

package link

import (
	"context"
	"sync"
	"time"
)

// sessionPatience is how long conversations wait for the account's own server
// to say whether this is the only copy of the profile. A server that does not
// answer must not keep people from those on other servers.
const sessionPatience = 3 * time.Second

// A Gate keeps the connections of conversations closed until the
// account's server has let this profile in, so that no copy of it encrypts
// anything.
type Gate struct {
	signIn func() // begins to sign in, if that was not done

	mu      sync.Mutex // guards what follows
	open    bool
	err     error         // why it is shut for good
	changed chan struct{} // closed at each change
	shut    chan struct{} // closed while err is set
	timer   *time.Timer
}

func newSessionGate(signIn func()) *Gate {
	return &Gate{signIn: signIn, changed: make(chan struct{}), shut: make(chan struct{})}
}

// Set opens the gate, or shuts it if err is not nil.
func (g *Gate) Set(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.change(err)
}

// change is set with the lock held.
func (g *Gate) change(err error) {
	if g.err == nil && err != nil {
		close(g.shut)
	}
	if g.err != nil && err == nil {
		g.shut = make(chan struct{})
	}
	g.open, g.err = err == nil, err
	close(g.changed)
	g.changed = make(chan struct{})
}

// GiveUp opens the gate if nothing is known yet.
func (g *Gate) GiveUp() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.open && g.err == nil {
		g.change(nil)
	}
}

// await returns once the gate is open, or why it is shut.
func (g *Gate) await(ctx context.Context) error {
	for {
		g.mu.Lock()
		open, err, changed := g.open, g.err, g.changed
		if !open && err == nil && g.timer == nil {
			g.timer = time.AfterFunc(sessionPatience, g.GiveUp)
		}
		g.mu.Unlock()
		g.signIn()
		if open || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// why returns why the gate is shut, nil if it is not.
func (g *Gate) why() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// cutOff returns a channel that is closed when the gate shuts, and one that is
// closed when it changes.
func (g *Gate) cutOff() (shut, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut, g.changed
}
