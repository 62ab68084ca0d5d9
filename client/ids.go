// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"errors"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// errKnownID refuses a channel whose identifier another one has.
var errKnownID = errors.New("client: another conversation has this identifier")

// registerID notes where the conversation with an identifier is. The first one keeps
// it. It is called with the client's lock held.
func (c *Client) registerID(id chat.ConversationID, k records.CID) error {
	if was, ok := c.ids[id]; ok && was != k {
		return errKnownID
	}
	c.ids[id] = k
	return nil
}

// checkIdentifier refuses a channel if another one has its identifier.
func (c *Client) checkIdentifier(channel protocol.ChannelID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if was, ok := c.ids[chat.IDOf(channel)]; ok && was != records.CID(c.store.Index(channel[:])) {
		return errKnownID
	}
	return nil
}

// find returns where a conversation is. Who asks for one that was not seen yet
// waits until all have been.
func (c *Client) find(id chat.ConversationID) (records.CID, error) {
	c.mu.Lock()
	k, ok := c.ids[id]
	surveyed := c.surveyed
	c.mu.Unlock()
	if ok {
		return k, nil
	}
	if surveyed {
		return c.findShort(string(id))
	}
	if err := c.forEachConversation(func(records.Stored) error { return nil }); err != nil {
		return k, err
	}
	return c.find(id)
}

// findShort returns where the one conversation is whose identifier begins like
// that.
func (c *Client) findShort(target string) (found records.CID, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	err = chat.ErrNoConversation
	for id, k := range c.ids {
		if !id.Fits(target) {
			continue
		}
		if err == nil {
			return records.CID{}, chat.ErrAmbiguous
		}
		found, err = k, nil
	}
	return found, err
}
