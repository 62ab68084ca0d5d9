// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/protocol"
)

// mailTokenSize is the length of a delivery token in bytes, maxPeerDevices of how
// many devices of an account the tokens are kept, and maxTellingMail how many
// members a group has at most in which they are told: with each who joins, all
// tell theirs.
const (
	mailTokenSize  = 32
	maxPeerDevices = 8
	maxTellingMail = 20
)

// controlMail is the control message that tells a delivery token.
const controlMail = "mailbox"

// A mailControl has the delivery token of a device of its sender.
type mailControl struct {
	Version uint8            `cbor:"1,keyasint"`
	Device  account.DeviceID `cbor:"2,keyasint"`
	Token   []byte           `cbor:"3,keyasint"`
}

// A mailTokenRecord has the delivery token of this device. Letters that show it
// come from contacts, and are not subject to the server's limits for strangers.
type mailTokenRecord struct {
	Version uint8  `cbor:"1,keyasint"`
	Token   []byte `cbor:"2,keyasint"`
}

// A peerTokensRecord has the delivery tokens that somebody told.
type peerTokensRecord struct {
	Version uint8       `cbor:"1,keyasint"`
	Devices []peerToken `cbor:"2,keyasint,omitempty"`
}

type peerToken struct {
	Device account.DeviceID `cbor:"1,keyasint"`
	Token  []byte           `cbor:"2,keyasint"`
}

// A mailToldRecord is the delivery token that the members of a conversation were
// told last; Again: some joined since.
type mailToldRecord struct {
	Token []byte `cbor:"1,keyasint,omitempty"`
	Again bool   `cbor:"2,keyasint,omitempty"`
}

func loadMailToken(tx *sealedTx) (rec mailTokenRecord, err error) {
	_, err = tx.load([]byte(tableMailToken), &rec)
	return rec, err
}

// newMailToken has another token take the place of the present one: somebody
// knows that one who should not.
func newMailToken(tx *sealedTx) error {
	rec := mailTokenRecord{Version: recordVersion, Token: make([]byte, mailTokenSize)}
	if _, err := rand.Read(rec.Token); err != nil {
		return err
	}
	return tx.save([]byte(tableMailToken), &rec)
}

func peerTokensKey(tx *sealedTx, address string) []byte {
	return key(tableMailToken, tx.index([]byte(address)))
}

// mailTokenOf returns the token that somebody's device told, nil if it is not
// known.
func (c *Client) mailTokenOf(address string, device protocol.DeviceID) (token []byte, err error) {
	err = c.store.view(func(tx *sealedTx) error {
		var rec peerTokensRecord
		_, err := tx.load(peerTokensKey(tx, address), &rec)
		for _, one := range rec.Devices {
			if protocol.DeviceID(one.Device) == device {
				token = one.Token
			}
		}
		return err
	})
	return token, err
}

// tokenHash returns the hash of the token of this device, made at first use.
func (m *mailbox) tokenHash() (hash [sha256.Size]byte, err error) {
	var rec mailTokenRecord
	made := false
	err = m.client.store.update(func(tx *sealedTx) (err error) {
		if rec, err = loadMailToken(tx); err != nil || rec.Token != nil {
			return err
		}
		made = true
		if err := newMailToken(tx); err != nil {
			return err
		}
		rec, err = loadMailToken(tx)
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
	_, err = m.link.call(ctx, protocol.OpMailboxToken, &protocol.MailboxToken{Hash: hash})
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
	tries backoff
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
	m.link.request(protocol.OpMailboxToken, &protocol.MailboxToken{Hash: hash}, func(_ protocol.Body, err error) { reply <- err })
}

// tokenRenewed ends a renewal.
func (m *mailbox) tokenRenewed(err error) {
	m.renewal.reply = nil
	switch {
	case err == nil, errors.Is(err, &protocol.Error{Code: protocol.CodeUnsupported}):
		m.renewal.tries.reset()
		m.tokenSet = m.renewal.hash
	case m.current() && retryable(err):
		m.renewTokenLater(err)
	}
}

func (m *mailbox) renewTokenLater(err error) {
	now := m.client.now()
	m.renewal.tries.failed(now, err)
	time.AfterFunc(m.renewal.tries.until.Sub(now), m.kickToken)
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
func (c *conversation) mayTellMailToken(tx *sealedTx) (bool, error) {
	leaving := slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o.Leave })
	if c.rec.Status != chat.StatusActive || leaving || c.rec.Hidden || c.rec.Members < 2 || c.rec.Members > maxTellingMail {
		return false, nil
	}
	for _, who := range c.members() {
		contact, err := loadContact(tx, who)
		if err != nil || contact.Blocked {
			return false, err
		}
	}
	return true, nil
}

// tellMailToken sees to it that the others have the delivery token of this device.
func (c *conversation) tellMailToken(tx *sealedTx) error {
	told := c.rec.Mail
	if told == nil {
		told = &mailToldRecord{}
	}
	again := told.Again && !c.now().Before(c.mailAt)
	if c.mailToken == nil || bytes.Equal(c.mailToken, told.Token) && !again {
		return nil
	}
	if may, err := c.mayTellMailToken(tx); err != nil || !may {
		return err
	}
	body, err := dcbor.Marshal(mailControl{recordVersion, c.self.device, c.mailToken})
	if err != nil {
		return err
	}
	c.rec.Mail, c.mailAt = &mailToldRecord{Token: c.mailToken}, time.Time{}
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
func (c *conversation) storePeerToken(tx *sealedTx, from string, body []byte) error {
	var told mailControl
	if dcbor.Unmarshal(body, &told) != nil || len(told.Token) == 0 || len(told.Token) > protocol.MaxDeliveryToken {
		return nil
	}
	var rec peerTokensRecord
	if _, err := tx.load(peerTokensKey(tx, from), &rec); err != nil {
		return err
	}
	rec.Version = recordVersion
	rec.Devices = slices.DeleteFunc(rec.Devices, func(one peerToken) bool { return one.Device == told.Device })
	rec.Devices = append(rec.Devices, peerToken{told.Device, told.Token})
	rec.Devices = rec.Devices[max(0, len(rec.Devices)-maxPeerDevices):]
	return tx.save(peerTokensKey(tx, from), &rec)
}
