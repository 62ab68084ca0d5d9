// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/names"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/internal/codec/invisible"
	"github.com/securecrypt/securecrypt/internal/codec/order"
)

// Contacts returns all contacts, by address.
func (pp People) Contacts() ([]chat.Contact, error) {
	var all []chat.Contact
	err := pp.c.store.View(func(tx *records.Tx) error {
		return tx.Scan([]byte(records.TableContact), false, func(_, v []byte) (bool, error) {
			var rec records.Contact
			if err := records.Decode(v, &rec); err != nil {
				return false, err
			}
			if rec.Known || rec.Blocked || rec.Name != "" {
				contact, err := rec.View(tx)
				all = append(all, contact)
				return true, err
			}
			return true, nil
		})
	})
	order.By(all, func(a, b chat.Contact) int { return strings.Compare(a.Address.String(), b.Address.String()) })
	return all, err
}

// Contact returns what is known of somebody.
func (pp People) Contact(a account.Address) (contact chat.Contact, err error) {
	err = pp.c.store.View(func(tx *records.Tx) error {
		rec, err := records.LoadContact(tx, a.String())
		if err == nil {
			contact, err = rec.View(tx)
		}
		return err
	})
	return contact, err
}

// NameOf returns what to call somebody: the private name, or the name that they
// chose, or else the address.
func (pp People) NameOf(a account.Address) (name string, err error) {
	err = pp.c.store.View(func(tx *records.Tx) error {
		rec, err := records.LoadContact(tx, a.String())
		name = rec.DisplayName()
		return err
	})
	return name, err
}

// SetName gives somebody a name that only this account sees.
func (pp People) SetName(a account.Address, name string) error {
	if err := checkLabel(name); err != nil {
		return err
	}
	return pp.c.noteContact(a, func(_ *records.Tx, rec *records.Contact) error {
		rec.Name = name
		return nil
	})
}

// noteContact changes what is known of somebody, and tells interfaces, since the
// conversation with them shows it.
func (c *Client) noteContact(a account.Address, change func(*records.Tx, *records.Contact) error) error {
	err := c.changeContact(a, func(tx *records.Tx, rec *records.Contact) error {
		before := *rec
		if err := change(tx, rec); err != nil {
			return err
		}
		return c.setContactFields(tx, before, *rec)
	})
	if err == nil {
		c.tellOwnDevices()
	}
	return err
}

// changeContact is noteContact for what another device of the account changed.
func (c *Client) changeContact(a account.Address, change func(*records.Tx, *records.Contact) error) error {
	var with *records.Conversation
	var rec records.Contact
	err := c.store.Update(func(tx *records.Tx) (err error) {
		if rec, err = records.LoadContact(tx, a.String()); err != nil {
			return err
		}
		if err := change(tx, &rec); err != nil {
			return err
		}
		if err := records.SaveContact(tx, rec); err != nil {
			return err
		}
		with, err = records.OpenDirect(tx, a.String())
		return err
	})
	if err != nil {
		return err
	}
	c.emit(chat.NameEvent{Address: a, Name: rec.DisplayName()})
	if with == nil {
		return nil
	}
	return c.tell(c.ctx, chat.IDOf(with.Channel), machine.CommandChoose{Change: func(*records.List) {}})
}

// checkLabel bounds what people call each other and their groups.
func checkLabel(s string) error {
	if len(s) > chat.MaxTitle {
		return chat.Worded{Kind: chat.ErrTooLong, Text: fmt.Sprintf("a name may have at most %d bytes", chat.MaxTitle)}
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return invisible.Is(r, invisible.Control|invisible.LineEnd) }) {
		return fmt.Errorf("a name may not contain control characters; leave them out")
	}
	if s != "" && names.Visible(s) == "" {
		return fmt.Errorf("nothing of this name can be seen; choose one with letters, digits or signs")
	}
	if strings.ContainsFunc(s, func(r rune) bool { return invisible.Is(r, invisible.Direction) }) {
		return fmt.Errorf("a name may not contain characters that turn the text around it; leave them out")
	}
	return nil
}

// conversationsEndedByBlock returns the conversations that blocking an account
// ends: the direct one, deleted or not, and the requests from that account.
func (c *Client) conversationsEndedByBlock(who account.Address) (all []chat.ConversationID, err error) {
	peer := who.String()
	err = c.forEachConversation(func(s records.Stored) error {
		theirs := !s.Rec.Group && s.Rec.Peer == peer || s.Rec.Status == chat.StatusRequest && s.Rec.Inviter == peer
		if theirs && slices.Contains([]chat.Status{chat.StatusActive, chat.StatusRequest, chat.StatusLeft}, s.Rec.Status) {
			all = append(all, chat.IDOf(s.Rec.Channel))
		}
		return nil
	})
	return all, err
}

// joined starts a conversation that a letter brought.
func (c *Client) joined(rec *records.Conversation) {
	id := chat.IDOf(rec.Channel)
	k := records.CID(c.store.Index(rec.Channel[:]))
	c.mu.Lock()
	err := c.registerID(id, k)
	old := c.actors[k]
	c.mu.Unlock()
	if err != nil {
		c.log.Error("a new conversation cannot be named", "error", err)
		return
	}
	if old != nil {
		old.tell(machine.InputReload{}, nil)
	}
	c.connect(k, rec)
	if rec.Own {
		if err := c.noteUse(); err != nil {
			c.log.Warn("the other devices cannot see that this one is in use", "error", err)
		}
	}
	if rec.Status == chat.StatusActive {
		if a, err := c.actor(id); err == nil {
			a.tell(machine.InputUnapplied{}, nil)
			a.tell(machine.CommandIntroduce{}, nil)
		}
	}
	if conv, err := c.Conversation(id); err == nil {
		c.emit(chat.ConversationEvent{Conversation: conv})
	}
}
