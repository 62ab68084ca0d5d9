// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/queries"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
)

// Profile returns the name that this account shows to others, and whether its
// server knows it yet.
func (acc Account) Profile() (name string, registered bool, err error) {
	rec, err := acc.c.home.Profile()
	return rec.Name, rec.Registered, err
}

// Duress reports what NoteDuress noted last.
func (acc Account) Duress() (bool, error) {
	rec, err := acc.c.home.Profile()
	return rec.Duress, err
}

// NoteDuress notes whether the interface has a passphrase of duress, so that the
// settings of an open profile can show it.
func (acc Account) NoteDuress(set bool) error {
	return acc.c.home.Update(func(p *records.Profile) { p.Duress = set })
}

// SetProfile changes the name that this account shows to others, and tells
// them. The error says in which conversations they could not be told.
func (acc Account) SetProfile(ctx context.Context, name string) error {
	if err := checkLabel(name); err != nil {
		return err
	}
	return acc.c.setProfile(ctx, name)
}

func (c *Client) setProfile(ctx context.Context, name string) error {
	err := c.store.Update(func(tx *records.Tx) error {
		return errors.Join(records.UpdateProfile(tx, func(p *records.Profile) { p.Name = name }), c.setField(tx, records.FieldProfile, "", name))
	})
	if err != nil {
		return err
	}
	c.tellOwnDevices()
	m, err := machine.ProfileMessage(name)
	if err != nil {
		return err
	}
	return c.each(func(conv chat.Conversation) error {
		if conv.Status != chat.StatusActive || conv.Own {
			return nil
		}
		_, err := c.send(ctx, conv.ID, machine.CommandSend{Message: m})
		return err
	})
}

// each calls fn for all conversations, whatever it says of some, and returns
// what it said, by their names.
func (c *Client) each(fn func(chat.Conversation) error) error {
	all, err := c.Conversations()
	if err != nil {
		return err
	}
	var failed []error
	for _, conv := range all {
		if err := fn(conv); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", conv.Name, err))
		}
	}
	return errors.Join(failed...)
}

// Conversations returns all conversations, the most recent first.
func (c *Client) Conversations() ([]chat.Conversation, error) {
	some, _, err := c.part(nil, math.MaxInt)
	if err != nil {
		return nil, err
	}
	all, err := c.viewAll(some)
	queries.Sort(all)
	return all, err
}

func (c *Client) newViewBuilder(tx *records.Tx) *records.Views {
	return records.NewViews(tx, c.self.Address.String(), c.now())
}

// Conversation returns one conversation.
func (c *Client) Conversation(id chat.ConversationID) (conv chat.Conversation, err error) {
	err = c.viewConversation(id, func(tx *records.Tx, k records.CID, rec *records.Conversation) error {
		conv, err = c.newViewBuilder(tx).Describe(k, rec)
		return err
	})
	return conv, err
}

func (c *Client) viewConversation(id chat.ConversationID, fn func(tx *records.Tx, k records.CID, rec *records.Conversation) error) error {
	k, err := c.find(id)
	if err != nil {
		return err
	}
	return c.store.View(func(tx *records.Tx) error {
		var rec records.Conversation
		ok, err := tx.Load(records.Key(records.TableConversation, k[:]), &rec)
		if err != nil {
			return err
		}
		if !ok || rec.Hidden {
			return chat.ErrNoConversation
		}
		return fn(tx, k, &rec)
	})
}

// viewHistory is viewConversation with the history.
func (c *Client) viewHistory(id chat.ConversationID, fn func(h *queries.History, rec *records.Conversation) error) error {
	return c.viewConversation(id, func(tx *records.Tx, k records.CID, rec *records.Conversation) error {
		return fn(queries.NewHistory(c.newViewBuilder(tx), k, id), rec)
	})
}

func (c *Client) hostOf(id chat.ConversationID) (host string, err error) {
	err = c.viewConversation(id, func(_ *records.Tx, _ records.CID, rec *records.Conversation) error {
		host = rec.Host
		return nil
	})
	return host, err
}

// Members returns who is in a conversation, by address.
func (gs Groups) Members(id chat.ConversationID) (all []chat.Member, err error) {
	err = gs.c.viewConversation(id, func(tx *records.Tx, k records.CID, rec *records.Conversation) error {
		all, err = machine.Members(tx, k, rec.Unconfirmed)
		return err
	})
	return all, err
}

// History calls fn for the messages of a conversation, the newest first, until
// it returns false.
func (ms Messages) History(id chat.ConversationID, fn func(chat.Message) bool) error {
	return ms.c.viewHistory(id, func(h *queries.History, _ *records.Conversation) error { return h.All(fn) })
}

// Page returns at most limit messages, and at most MaxPage, of a conversation:
// those right before or after a position, or around it, the message included.
// The time that takes does not depend on how long the history is.
func (ms Messages) Page(id chat.ConversationID, at chat.Position, limit int) (page chat.Page, err error) {
	err = ms.c.viewHistory(id, func(h *queries.History, rec *records.Conversation) error {
		page, err = h.Page(rec, at, limit)
		return err
	})
	return page, err
}

// Search calls fn for the messages that a query finds, until it returns false
// or ctx ends: conversation by conversation, the most recently active first,
// and in each the newest first.
func (ms Messages) Search(ctx context.Context, q chat.SearchQuery, fn func(chat.Message) bool) error {
	all, err := ms.c.Conversations()
	if err != nil {
		return err
	}
	view := func(id chat.ConversationID, fn func(*queries.History) error) error {
		return ms.c.viewHistory(id, func(h *queries.History, _ *records.Conversation) error { return fn(h) })
	}
	return queries.Search(ctx, all, q, view, fn)
}

func (c *Client) messageRecord(id chat.ConversationID, msg content.MessageID) (rec records.Message, err error) {
	err = c.viewHistory(id, func(h *queries.History, _ *records.Conversation) error {
		_, found, err := h.Find(msg)
		if err == nil {
			rec = *found
		}
		return err
	})
	return rec, err
}

// Message returns one message.
func (ms Messages) Message(id chat.ConversationID, msg content.MessageID) (m chat.Message, err error) {
	err = ms.c.viewHistory(id, func(h *queries.History, _ *records.Conversation) error {
		m, err = h.Message(msg)
		return err
	})
	return m, err
}

// Find finds a message by the beginning of its identifier, at least
// eight characters, in all conversations or in one.
func (ms Messages) Find(in chat.ConversationID, prefix string) (chat.Message, error) {
	prefix = strings.ToLower(prefix)
	if len(prefix) < 8 {
		return chat.Message{}, chat.ErrNoMessage
	}
	var found []chat.Message
	all, err := ms.c.Conversations()
	if err != nil {
		return chat.Message{}, err
	}
	for _, conv := range all {
		if in != "" && !conv.ID.Fits(string(in)) {
			continue
		}
		err := ms.c.Messages().History(conv.ID, func(m chat.Message) bool {
			if m.Notice == nil && strings.HasPrefix(m.ID.String(), prefix) {
				found = append(found, m)
			}
			return len(found) < 2
		})
		if err != nil {
			return chat.Message{}, err
		}
	}
	switch len(found) {
	case 0:
		return chat.Message{}, chat.ErrNoMessage
	case 1:
		return found[0], nil
	}
	return chat.Message{}, chat.ErrAmbiguous
}
