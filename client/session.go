// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// errCopyWrote: the other copy of a profile wrote here with keys that this one
// has, too.
var errCopyWrote = errors.New("another copy of this profile wrote here, and this one cannot go on from where that one is. Write to the person again to begin a new conversation; in a group, ask a member to remove you and to add you again")

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
	_, err = m.link.Call(ctx, protocol.OpAuthenticate, &protocol.Authenticate{
		Name: self.address.Name, Device: protocol.DeviceID(self.device), Signature: signature,
		Session: rec.NextSession, Previous: rec.Session, Takeover: rec.TakeOver, Generation: rec.Generation,
	})
	switch {
	case errors.Is(err, &protocol.Error{Code: protocol.CodeProfileCopied}):
		copied := &chat.CopiedError{}
		if rec.SignedIn != 0 {
			copied.Last = time.Unix(rec.SignedIn, 0)
		}
		m.client.net.Gate.Set(copied)
		return copied
	case errors.Is(err, &protocol.Error{Code: protocol.CodeNotFound}):
		m.client.net.Gate.GiveUp() // nobody else can be let in either
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
	m.client.net.Gate.Set(nil)
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
