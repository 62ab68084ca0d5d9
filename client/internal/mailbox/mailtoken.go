// SPDX-License-Identifier: AGPL-3.0-or-later

package mailbox

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// tokenHash returns the hash of the token of this device, made at first use.
func (m *Mailbox) tokenHash() (hash [sha256.Size]byte, err error) {
	var rec records.MailToken
	made := false
	err = m.config.Store.Update(func(tx *records.Tx) (err error) {
		if rec, err = records.LoadMailToken(tx); err != nil || rec.Token != nil {
			return err
		}
		made = true
		if err := records.NewMailToken(tx); err != nil {
			return err
		}
		rec, err = records.LoadMailToken(tx)
		return err
	})
	if err == nil && made {
		m.config.TokenChanged()
	}
	return sha256.Sum256(rec.Token), err
}

// setToken has the server know the token of this device, before letters arrive.
// A server that knows no tokens does without.
func (m *Mailbox) setToken(ctx context.Context) error {
	hash, err := m.tokenHash()
	if err != nil || hash == m.tokenSet {
		return err
	}
	_, err = m.link.Call(ctx, protocol.OpMailboxToken, &protocol.MailboxToken{Hash: hash})
	if err != nil && !errors.Is(err, &protocol.Error{Code: protocol.CodeUnsupported}) {
		return err
	}
	m.tokenSet = hash
	return nil
}

// A tokenRenewal is the setting of another token while letters arrive. It is not
// waited for: the answer comes behind letters that this goroutine has to take.
type tokenRenewal struct {
	hash  [sha256.Size]byte
	reply chan error // nil if there is none under way
	tries link.Backoff
}

// renewToken begins a renewal. At the next connection setToken makes up for one
// that failed.
func (m *Mailbox) renewToken() {
	hash, err := m.tokenHash()
	if err != nil {
		m.renewTokenLater(err)
		return
	}
	if hash == m.tokenSet {
		return
	}
	reply := make(chan error, 1)
	m.renewal.hash, m.renewal.reply = hash, reply
	m.link.Request(protocol.OpMailboxToken, &protocol.MailboxToken{Hash: hash}, func(_ protocol.Body, err error) { reply <- err })
}

// tokenRenewed ends a renewal.
func (m *Mailbox) tokenRenewed(err error) {
	m.renewal.reply = nil
	switch {
	case err == nil, errors.Is(err, &protocol.Error{Code: protocol.CodeUnsupported}):
		m.renewal.tries.Reset()
		m.tokenSet = m.renewal.hash
	case m.current() && link.Retryable(err):
		m.renewTokenLater(err)
	}
}

func (m *Mailbox) renewTokenLater(err error) {
	now := m.config.Now()
	m.renewal.tries.Failed(now, err)
	time.AfterFunc(m.renewal.tries.Until.Sub(now), m.kickToken)
}

// TokenChanged tells the server and the contacts of another token.
func (m *Mailbox) TokenChanged() {
	m.config.TokenChanged()
	m.kickToken()
}

func (m *Mailbox) kickToken() {
	select {
	case m.newToken <- struct{}{}:
	default: // it will look at the store as it is
	}
}
