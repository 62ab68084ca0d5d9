// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/records"
)

// ownChainLength returns how many statements the account's chain has here.
func (c *Client) ownChainLength() (n uint64, err error) {
	err = c.store.View(func(tx *records.Tx) error {
		chain, err := records.OwnChain(tx, c.self.Address)
		if err == nil {
			n = uint64(chain.Len())
		}
		return err
	})
	return n, err
}

// followOwnChain has a conversation compared with the account's chain, unless it was
// since the chain has so many statements.
func (c *Client) followOwnChain(s records.Stored, length uint64) {
	if s.Rec.Status == chat.StatusActive && s.Rec.OwnChain != length {
		c.start(s.K, &s.Rec).tell(machine.InputAccount{}, nil)
	}
}

// followOwnDevices has all conversations follow the account's chain, in the background.
func (c *Client) followOwnDevices() {
	if err := c.ownChainChanged(); err != nil && c.ctx.Err() == nil {
		c.emit(chat.FailureEvent{Err: err})
	}
}

// addEverywhere has a new device of this account added to all conversations.
func (c *Client) addEverywhere(device account.DeviceID) {
	err := c.forEachConversation(func(s records.Stored) error {
		if s.Rec.Status == chat.StatusActive && !s.Rec.Own {
			c.start(s.K, &s.Rec).tell(machine.InputDevice{Device: device}, nil)
		}
		return nil
	})
	if err != nil && c.ctx.Err() == nil {
		c.log.Warn("a new device could not be added everywhere", "error", err)
	}
}

// ownChainChanged has all conversations follow the account's chain.
func (c *Client) ownChainChanged() error {
	length, err := c.ownChainLength()
	if err != nil {
		return err
	}
	if err := c.ensureOwnConversation(); err != nil {
		return err
	}
	return c.forEachConversation(func(s records.Stored) error {
		c.followOwnChain(s, length)
		return nil
	})
}
