// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/protocol"
)

// maxTellingMail is how many members a group has at most in which delivery tokens
// are told: with each who joins, all tell theirs.
const maxTellingMail = 20

// controlMail is the control message that tells a delivery token.
const controlMail = "mailbox"

// A mailControl has the delivery token of a device of its sender.
type mailControl struct {
	Version uint8            `cbor:"1,keyasint"`
	Device  account.DeviceID `cbor:"2,keyasint"`
	Token   []byte           `cbor:"3,keyasint"`
}

// tokenHash returns the hash of the token of this device, made at first use.
func (m *mailbox) tokenHash() (hash [sha256.Size]byte, err error) {
	var rec records.MailToken
	made := false
	err = m.client.store.Update(func(tx *records.Tx) (err error) {
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
		m.client.waker.tell()
	}
	return sha256.Sum256(rec.Token), err
}

// setToken has the server know the token of this device, before letters arrive.
// A server that knows no tokens does without.
func (m *mailbox) setToken(ctx context.Context) error {
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
func (m *mailbox) renewToken() {
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
func (m *mailbox) tokenRenewed(err error) {
	m.renewal.reply = nil
	switch {
	case err == nil, errors.Is(err, &protocol.Error{Code: protocol.CodeUnsupported}):
		m.renewal.tries.Reset()
		m.tokenSet = m.renewal.hash
	case m.current() && link.Retryable(err):
		m.renewTokenLater(err)
	}
}

func (m *mailbox) renewTokenLater(err error) {
	now := m.client.now()
	m.renewal.tries.Failed(now, err)
	time.AfterFunc(m.renewal.tries.Until.Sub(now), m.kickToken)
}

// tokenChanged tells the server and the contacts of another token.
func (m *mailbox) tokenChanged() {
	m.client.waker.tell()
	m.kickToken()
}

func (m *mailbox) kickToken() {
	select {
	case m.newToken <- struct{}{}:
	default: // it will look at the store as it is
	}
}

// mayTellMailToken reports whether the members of the conversation are to have the
// delivery token: all of them are contacts then, and none is blocked.
func (c *conversation) mayTellMailToken(tx *records.Tx) (bool, error) {
	leaving := slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o.Leave })
	if c.rec.Status != chat.StatusActive || leaving || c.rec.Hidden || c.rec.Members < 2 || c.rec.Members > maxTellingMail {
		return false, nil
	}
	for _, who := range c.members() {
		contact, err := records.LoadContact(tx, who)
		if err != nil || contact.Blocked {
			return false, err
		}
	}
	return true, nil
}

// tellMailToken sees to it that the others have the delivery token of this device.
func (c *conversation) tellMailToken(tx *records.Tx) error {
	told := c.rec.Mail
	if told == nil {
		told = &records.MailTold{}
	}
	again := told.Again && !c.now().Before(c.mailAt)
	if c.mailToken == nil || bytes.Equal(c.mailToken, told.Token) && !again {
		return nil
	}
	if may, err := c.mayTellMailToken(tx); err != nil || !may {
		return err
	}
	body, err := dcbor.Marshal(mailControl{records.Version, c.self.device, c.mailToken})
	if err != nil {
		return err
	}
	c.rec.Mail, c.mailAt = &records.MailTold{Token: c.mailToken}, time.Time{}
	c.touch()
	return c.queueQuietly(tx, content.Control(controlMail, body))
}

// scheduleMailToken notes that somebody joined, who is to have the token.
func (c *conversation) scheduleMailToken() {
	if c.rec.Mail != nil {
		c.rec.Mail.Again, c.mailAt = true, c.now().Add(tokenRepeatDelay)
	}
}

// storePeerToken takes in the delivery token that a member tells.
func (c *conversation) storePeerToken(tx *records.Tx, from string, body []byte) error {
	var told mailControl
	if dcbor.Unmarshal(body, &told) != nil || len(told.Token) == 0 || len(told.Token) > protocol.MaxDeliveryToken {
		return nil
	}
	return records.SavePeerToken(tx, from, records.PeerToken{Device: told.Device, Token: told.Token})
}
