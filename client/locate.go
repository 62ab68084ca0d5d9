// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"errors"
	"fmt"
	"slices"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// Find finds a conversation by what a person calls it, and begins none: see
// Direct. What a text may mean is decided by its form, in this order, so that
// nothing that others chose takes the place of something else:
//
//   - 16 hexadecimal digits or more are the beginning of an identifier;
//   - what looks like an address is that address, and never a title;
//   - a private name of a contact is that person, and never a title;
//   - anything else is the title of a group that was accepted.
//
// A request is found by its identifier, or by the address of the person that it
// comes from.
func (c *Client) Find(target string) (chat.ConversationID, error) {
	all, err := c.Conversations()
	if err != nil {
		return "", err
	}
	if chat.LooksLikeID(target) {
		return one(slices.DeleteFunc(all, func(conv chat.Conversation) bool { return !conv.ID.Fits(target) }))
	}
	who, err := c.People().Find(target)
	switch {
	case err == nil:
		return c.findDirect(all, who)
	case !errors.Is(err, chat.ErrNoPerson):
		return "", err
	}
	return one(open(slices.DeleteFunc(all, func(conv chat.Conversation) bool {
		return !conv.Group || conv.Title != target || conv.Status == chat.StatusRequest
	})))
}

// Find finds somebody by their address, or by the private name that this
// account gave them. Names that people gave themselves find nobody. The error is
// account.ErrAddress if the text looks like an address and is none, ErrAmbiguous
// if several contacts have the name, and ErrNoPerson if none has.
func (pp People) Find(target string) (account.Address, error) {
	who, err := account.ParseAddress(target)
	if err == nil || chat.LooksLikeAddress(target) {
		return who, err
	}
	contacts, err := pp.c.People().Contacts()
	if err != nil {
		return account.Address{}, err
	}
	contacts = slices.DeleteFunc(contacts, func(contact chat.Contact) bool { return contact.Name == "" || contact.Name != target })
	switch len(contacts) {
	case 0:
		return account.Address{}, chat.ErrNoPerson
	case 1:
		return contacts[0].Address, nil
	}
	return account.Address{}, fmt.Errorf("%w: %s and %s have this private name; use the address", chat.ErrAmbiguous, contacts[0].Address, contacts[1].Address)
}

// findDirect finds the conversation with somebody among all.
func (c *Client) findDirect(all []chat.Conversation, who account.Address) (chat.ConversationID, error) {
	found := open(slices.DeleteFunc(all, func(conv chat.Conversation) bool { return conv.Group || conv.Peer != who }))
	if len(found) > 1 {
		id, err := c.directWith(who) // both people began one
		if err != nil || id != "" {
			return id, err
		}
	}
	return one(found)
}

// open returns those conversations that go on, or all if none does.
func open(all []chat.Conversation) []chat.Conversation {
	on := slices.DeleteFunc(slices.Clone(all), func(conv chat.Conversation) bool {
		return conv.Status != chat.StatusActive && conv.Status != chat.StatusRequest
	})
	if len(on) > 0 {
		return on
	}
	return all
}

// one returns the only conversation of a list.
func one(found []chat.Conversation) (chat.ConversationID, error) {
	switch len(found) {
	case 0:
		return "", chat.ErrNoConversation
	case 1:
		return found[0].ID, nil
	}
	return "", chat.ErrAmbiguous
}

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
