// SPDX-License-Identifier: AGPL-3.0-or-later

package mailbox

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/lookup"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// authenticate identifies the connection and binds it to this copy of the
// profile. Servers take one request to do so on a connection: if only noting its success
// failed before, that is made up for.
func (m *Mailbox) authenticate(ctx context.Context) error {
	if !m.session.IsZero() {
		return m.noteSignIn()
	}
	var rec records.Profile
	err := m.config.Store.Update(func(tx *records.Tx) (err error) {
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
	self := m.config.Self
	challenge := protocol.AuthenticateChallenge(m.hello.Host, m.hello.Nonce, self.Address.Name, protocol.DeviceID(self.Device))
	signature := protocol.Signature(ed25519.Sign(ed25519.NewKeyFromSeed(rec.SigningKey), challenge))
	_, err = m.link.Call(ctx, protocol.OpAuthenticate, &protocol.Authenticate{
		Name: self.Address.Name, Device: protocol.DeviceID(self.Device), Signature: signature,
		Session: rec.NextSession, Previous: rec.Session, Takeover: rec.TakeOver, Generation: rec.Generation,
	})
	switch {
	case errors.Is(err, &protocol.Error{Code: protocol.CodeProfileCopied}):
		copied := &chat.CopiedError{}
		if rec.SignedIn != 0 {
			copied.Last = time.Unix(rec.SignedIn, 0)
		}
		m.config.Net.Gate.Set(copied)
		return copied
	case errors.Is(err, &protocol.Error{Code: protocol.CodeNotFound}):
		return m.disowned(ctx)
	case err != nil:
		return err
	}
	m.session = rec.NextSession
	return m.noteSignIn()
}

func (m *Mailbox) noteSignIn() error {
	if err := m.Update(func(p *records.Profile) {
		p.Session, p.NextSession, p.TakeOver, p.SignedIn = m.session, protocol.SessionMark{}, false, m.config.Now().Unix()
		p.Seen = m.config.EraseNow().Unix()
	}); err != nil {
		return err
	}
	m.config.Net.Gate.Set(nil)
	return nil
}

// checkRevoked returns a *chat.RevokedError if the account's own chain, as this device
// keeps it, says that the device was revoked. Nothing of it works any more then.
func (m *Mailbox) checkRevoked() error {
	chain, err := m.Chain()
	if err != nil {
		return err
	}
	if err := records.Revoked(chain, m.config.Self.Device); err != nil {
		m.config.Net.Gate.Set(err)
		return err
	}
	return nil
}

// disowned returns why the server does not know this device. That it was revoked is
// believed if the account's chain says it, signed by who may; the server's word alone
// is none.
func (m *Mailbox) disowned(ctx context.Context) error {
	err := m.lookForRevocation(ctx)
	if err == nil {
		err = chat.ErrNoAccount
	}
	if !errors.Is(err, chat.ErrRevoked) {
		m.config.Net.Gate.GiveUp() // nobody else can be let in either
	}
	return err
}

// lookForRevocation asks for the account's chain as anybody may, keeps what follows
// the one that this device has, and returns an error if that revokes the device, or if
// the server could not be asked.
func (m *Mailbox) lookForRevocation(ctx context.Context) error {
	known, err := m.Chain()
	if err != nil {
		return err
	}
	self := m.config.Self.Address
	shown, err := lookup.One(ctx, func(ctx context.Context, op protocol.Op, body protocol.Body) (protocol.Body, error) {
		return m.config.Net.Errands.Call(ctx, self.Host, link.ErrandLookup, op, body)
	}, self, known, m.config.Net)
	switch {
	case link.Retryable(err):
		return link.Offline(err)
	case err != nil || !shown.Extends(known.Head()):
		return nil
	}
	if err := m.pin(shown); err != nil {
		return err
	}
	return m.checkRevoked()
}
