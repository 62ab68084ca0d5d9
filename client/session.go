// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// errCopyWrote: the other copy of a profile wrote here with keys that this one
// has, too.
var errCopyWrote = errors.New("another copy of this profile wrote here, and this one cannot go on from where that one is. Write to the person again to begin a new conversation; in a group, ask a member to remove you and to add you again")

// sessionPatience is how long conversations wait for the account's own server
// to say whether this is the only copy of the profile. A server that does not
// answer must not keep people from those on other servers.
const sessionPatience = 3 * time.Second

// A sessionGate keeps the connections of conversations closed until the
// account's server has let this profile in, so that no copy of it encrypts
// anything.
type sessionGate struct {
	signIn func() // begins to sign in, if that was not done

	mu      sync.Mutex // guards what follows
	open    bool
	err     error         // why it is shut for good
	changed chan struct{} // closed at each change
	shut    chan struct{} // closed while err is set
	timer   *time.Timer
}

func newSessionGate(signIn func()) *sessionGate {
	return &sessionGate{signIn: signIn, changed: make(chan struct{}), shut: make(chan struct{})}
}

// set opens the gate, or shuts it if err is not nil.
func (g *sessionGate) set(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.change(err)
}

// change is set with the lock held.
func (g *sessionGate) change(err error) {
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

// giveUp opens the gate if nothing is known yet.
func (g *sessionGate) giveUp() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.open && g.err == nil {
		g.change(nil)
	}
}

// await returns once the gate is open, or why it is shut.
func (g *sessionGate) await(ctx context.Context) error {
	for {
		g.mu.Lock()
		open, err, changed := g.open, g.err, g.changed
		if !open && err == nil && g.timer == nil {
			g.timer = time.AfterFunc(sessionPatience, g.giveUp)
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

// cutOff returns a channel that is closed when the gate shuts, and one that is
// closed when it changes.
func (g *sessionGate) cutOff() (shut, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut, g.changed
}

// authenticate identifies the connection and binds it to this copy of the
// profile.
func (m *mailbox) authenticate(ctx context.Context) error {
	var rec records.Profile
	err := m.client.store.Update(func(tx *records.Tx) (err error) {
		if _, err = tx.Load([]byte(records.TableProfile), &rec); err != nil || !rec.NextSession.IsZero() {
			return err
		}
		if rec.Generation == (protocol.Generation{}) {
			if _, err := rand.Read(rec.Generation[:]); err != nil {
				return err
			}
		}
		rec.NextSession.Counter = rec.Session.Counter + 1
		if _, err := rand.Read(rec.NextSession.ID[:]); err != nil {
			return err
		}
		return tx.Save([]byte(records.TableProfile), &rec)
	})
	if err != nil {
		return err
	}
	self := m.client.self
	challenge := protocol.AuthenticateChallenge(m.hello.Host, m.hello.Nonce, self.address.Name, protocol.DeviceID(self.device))
	signature := protocol.Signature(ed25519.Sign(ed25519.NewKeyFromSeed(rec.SigningKey), challenge))
	_, err = m.link.call(ctx, protocol.OpAuthenticate, &protocol.Authenticate{
		Name: self.address.Name, Device: protocol.DeviceID(self.device), Signature: signature,
		Session: rec.NextSession, Previous: rec.Session, Takeover: rec.TakeOver, Generation: rec.Generation,
	})
	switch {
	case errors.Is(err, &protocol.Error{Code: protocol.CodeProfileCopied}):
		copied := &chat.CopiedError{}
		if rec.SignedIn != 0 {
			copied.Last = time.Unix(rec.SignedIn, 0)
		}
		m.client.session.set(copied)
		return copied
	case errors.Is(err, &protocol.Error{Code: protocol.CodeNotFound}):
		m.client.session.giveUp() // nobody else can be let in either
		return chat.ErrNoAccount
	case err != nil:
		return err
	}
	if err := m.update(func(p *records.Profile) {
		p.Session, p.NextSession, p.TakeOver, p.SignedIn = rec.NextSession, protocol.SessionMark{}, false, m.client.now().Unix()
		p.Seen = m.client.eraseNow().Unix()
	}); err != nil {
		return err
	}
	m.client.session.set(nil)
	return nil
}

// TakeOver has this copy of the profile go on, and the other one stop. What the
// other one wrote with the same keys ends the conversations where it did, until the
// others' devices notice; then they go on.
func (acc Account) TakeOver(ctx context.Context) error {
	var generation protocol.Generation
	if _, err := rand.Read(generation[:]); err != nil {
		return err
	}
	err := acc.c.home.update(func(p *records.Profile) {
		p.TakeOver, p.Takeovers, p.Generation = true, p.Takeovers+1, generation
		p.LastResort = 0 // the other copy may have published one
	})
	if err != nil {
		return err
	}
	return acc.c.signInAgain(ctx)
}

// RegisterAgain creates the account again, with the keys that it had, on a
// server that lost it.
func (acc Account) RegisterAgain(ctx context.Context, invite string) error {
	err := acc.c.home.update(func(p *records.Profile) { p.Registered, p.Invite = false, invite })
	if err != nil {
		return err
	}
	return acc.c.signInAgain(ctx)
}

// signInAgain tries to sign in and waits for the outcome.
func (c *Client) signInAgain(ctx context.Context) error {
	c.home.report(false, nil)
	c.Account().Connect()
	select {
	case c.home.again <- struct{}{}:
	default:
	}
	return c.Account().Register(ctx)
}
