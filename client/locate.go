// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/securecrypt/securecrypt/account"
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
func (c *Client) Find(target string) (ConversationID, error) {
	all, err := c.Conversations()
	if err != nil {
		return "", err
	}
	if isIdentifier(target) {
		return one(slices.DeleteFunc(all, func(conv Conversation) bool { return !conv.ID.fits(target) }))
	}
	who, err := c.FindPerson(target)
	switch {
	case err == nil:
		return c.findDirect(all, who)
	case !errors.Is(err, ErrNoPerson):
		return "", err
	}
	return one(open(slices.DeleteFunc(all, func(conv Conversation) bool {
		return !conv.Group || conv.Title != target || conv.Status == StatusRequest
	})))
}

// ErrNoPerson: a text is neither an address nor the private name of a contact.
var ErrNoPerson = errors.New("nobody has this address or private name: check its spelling")

// FindPerson finds somebody by their address, or by the private name that this
// account gave them. Names that people gave themselves find nobody. The error is
// account.ErrAddress if the text looks like an address and is none, ErrAmbiguous
// if several contacts have the name, and ErrNoPerson if none has.
func (c *Client) FindPerson(target string) (account.Address, error) {
	who, err := account.ParseAddress(target)
	if err == nil || LooksLikeAddress(target) {
		return who, err
	}
	contacts, err := c.Contacts()
	if err != nil {
		return account.Address{}, err
	}
	contacts = slices.DeleteFunc(contacts, func(contact Contact) bool { return contact.Name == "" || contact.Name != target })
	switch len(contacts) {
	case 0:
		return account.Address{}, ErrNoPerson
	case 1:
		return contacts[0].Address, nil
	}
	return account.Address{}, fmt.Errorf("%w: %s and %s have this private name; use the address", ErrAmbiguous, contacts[0].Address, contacts[1].Address)
}

// findDirect finds the conversation with somebody among all.
func (c *Client) findDirect(all []Conversation, who account.Address) (ConversationID, error) {
	found := open(slices.DeleteFunc(all, func(conv Conversation) bool { return conv.Group || conv.Peer != who }))
	if len(found) > 1 {
		id, err := c.directWith(who) // both people began one
		if err != nil || id != "" {
			return id, err
		}
	}
	return one(found)
}

// isIdentifier reports whether a text has the form of an identifier's beginning.
func isIdentifier(target string) bool {
	return len(target) >= shortIDDigits && len(target) <= idDigits && strings.Trim(strings.ToLower(target), "0123456789abcdef") == ""
}

// open returns those conversations that go on, or all if none does.
func open(all []Conversation) []Conversation {
	on := slices.DeleteFunc(slices.Clone(all), func(conv Conversation) bool {
		return conv.Status != StatusActive && conv.Status != StatusRequest
	})
	if len(on) > 0 {
		return on
	}
	return all
}

// one returns the only conversation of a list.
func one(found []Conversation) (ConversationID, error) {
	switch len(found) {
	case 0:
		return "", ErrNoConversation
	case 1:
		return found[0].ID, nil
	}
	return "", ErrAmbiguous
}
