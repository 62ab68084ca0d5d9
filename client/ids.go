// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/securecrypt/securecrypt/protocol"
)

// A ConversationID names a conversation for people and programs: 40
// hexadecimal digits, the same for all its members. Where a command takes one,
// its first 16 digits or more are enough if they fit only one conversation:
// earlier versions had 16.
type ConversationID string

// Lengths of identifiers in digits. Whoever makes a channel chooses what is
// hashed, so that only half of the bits count against two of the same name.
const (
	idDigits      = 40
	shortIDDigits = 16
)

func conversationID(channel protocol.ChannelID) ConversationID {
	h := sha256.Sum256(append([]byte("securecrypt/v1/conversation"), channel[:]...))
	return ConversationID(hex.EncodeToString(h[:idDigits/2]))
}

// short is how an identifier is shown where it stands for a name.
func (id ConversationID) short() string { return string(id[:min(shortIDDigits, len(id))]) }

// fits reports whether an identifier, or the beginning of one, means this
// conversation.
func (id ConversationID) fits(target string) bool {
	return len(target) >= shortIDDigits && strings.HasPrefix(string(id), strings.ToLower(target))
}

// errKnownID refuses a channel whose identifier another one has.
var errKnownID = errors.New("client: another conversation has this identifier")

// registerID notes where the conversation with an identifier is. The first one keeps
// it. It is called with the client's lock held.
func (c *Client) registerID(id ConversationID, k cid) error {
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
	if was, ok := c.ids[conversationID(channel)]; ok && was != cid(c.store.index(channel[:])) {
		return errKnownID
	}
	return nil
}

// find returns where a conversation is. Who asks for one that was not seen yet
// waits until all have been.
func (c *Client) find(id ConversationID) (cid, error) {
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
	if err := c.forEachConversation(func(stored) error { return nil }); err != nil {
		return k, err
	}
	return c.find(id)
}

// findShort returns where the one conversation is whose identifier begins like
// that.
func (c *Client) findShort(target string) (found cid, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	err = ErrNoConversation
	for id, k := range c.ids {
		if !id.fits(target) {
			continue
		}
		if err == nil {
			return cid{}, ErrAmbiguous
		}
		found, err = k, nil
	}
	return found, err
}
