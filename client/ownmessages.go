// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// sayToOwn says something to the other devices of the account.
func (c *Client) sayToOwn(name string, body any) error {
	b, err := dcbor.Marshal(body)
	if err != nil {
		return err
	}
	a, err := c.ownConversation()
	if err != nil {
		return err
	}
	if a == nil {
		return fmt.Errorf("client: %w of the own devices", chat.ErrNoConversation)
	}
	return a.ask(c.ctx, machine.CommandOwn{Name: name, Body: b})
}

// takeOwnMessages has the messages of other devices dealt with that the store keeps.
func (c *Client) takeOwnMessages() {
	c.transfer.mu.Lock()
	defer c.transfer.mu.Unlock()
	c.transfer.another = true
	if c.transfer.taking {
		return
	}
	c.transfer.taking = true
	c.spawn(func() {
		for c.takesAnother() {
			c.dealWithOwnMessages()
		}
	})
}

func (c *Client) takesAnother() bool {
	c.transfer.mu.Lock()
	defer c.transfer.mu.Unlock()
	c.transfer.taking = c.transfer.another && c.ctx.Err() == nil
	c.transfer.another = false
	return c.transfer.taking
}

func (c *Client) dealWithOwnMessages() {
	var tries link.Backoff
	for c.ctx.Err() == nil {
		var n uint64
		var rec records.OwnMessage
		there := false
		err := c.store.View(func(tx *records.Tx) (err error) {
			n, rec, there, err = records.NextOwnMessage(tx)
			return err
		})
		if err == nil && !there {
			return
		}
		if err == nil {
			err = c.dealWithOwnMessage(rec)
		}
		if err == nil {
			tries.Reset()
			err = c.store.Update(func(tx *records.Tx) error { return records.ForgetOwnMessage(tx, n) })
		}
		if err == nil {
			continue
		}
		c.log.Warn("what another device sent could not be dealt with", "error", err)
		tries.Failed(c.now(), err)
		select {
		case <-time.After(tries.Until.Sub(c.now())):
		case <-c.ctx.Done():
		}
	}
}

// dealWithOwnMessage carries out what another device of the account said. An error is one
// that may be gone at the next attempt.
func (c *Client) dealWithOwnMessage(rec records.OwnMessage) error {
	switch rec.Name {
	case machine.ControlHistory:
		var part records.HistoryPart
		if dcbor.Unmarshal(rec.Body, &part) != nil || part.Device != c.self.Device {
			return nil
		}
		return c.takePart(part)
	case machine.ControlHistoryTaken:
		var taken records.HistoryTaken
		if dcbor.Unmarshal(rec.Body, &taken) != nil {
			return nil
		}
		return c.partTaken(taken)
	case machine.ControlHistoryRequest:
		var device account.DeviceID
		if dcbor.Unmarshal(rec.Body, &device) != nil || device == c.self.Device {
			return nil
		}
		return c.answerHistoryRequest(device)
	}
	return nil
}
