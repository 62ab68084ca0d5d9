// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/records"
)

// Add adds people to a group.
func (gs Groups) Add(ctx context.Context, conv chat.ConversationID, people []account.Address) error {
	add, err := gs.c.ensureAccountsExist(ctx, people)
	if err != nil {
		return err
	}
	return gs.c.tell(ctx, conv, machine.CommandChange{Change: records.Change{Add: add}})
}

// Remove removes people from a group.
func (gs Groups) Remove(ctx context.Context, conv chat.ConversationID, people []account.Address) error {
	var remove []string
	for _, a := range people {
		remove = append(remove, a.String())
	}
	return gs.c.tell(ctx, conv, machine.CommandChange{Change: records.Change{Remove: remove}})
}

// Rename gives a group another title.
func (gs Groups) Rename(ctx context.Context, conv chat.ConversationID, title string) error {
	if title == "" {
		return errors.New("a group needs a title")
	}
	if err := checkLabel(title); err != nil {
		return err
	}
	return gs.c.rename(ctx, conv, title)
}

func (c *Client) rename(ctx context.Context, conv chat.ConversationID, title string) error {
	return c.tell(ctx, conv, machine.CommandChange{Change: records.Change{Title: &title}})
}

// SetRole makes a member an administrator, an owner or an ordinary member.
func (gs Groups) SetRole(ctx context.Context, conv chat.ConversationID, who account.Address, role chat.Role) error {
	return gs.c.tell(ctx, conv, machine.CommandChange{Change: records.Change{Roles: []records.Role{{Address: who.String(), Role: role}}}})
}

// SetTimer makes messages disappear after a time, 0 for never.
func (gs Groups) SetTimer(ctx context.Context, conv chat.ConversationID, after time.Duration) error {
	if err := chat.CheckExpiry(after); err != nil {
		return err
	}
	seconds := uint32(after / time.Second)
	return gs.c.tell(ctx, conv, machine.CommandChange{Change: records.Change{Timer: &seconds}})
}

// Leave leaves a conversation.
func (c *Client) Leave(ctx context.Context, conv chat.ConversationID) error {
	return c.tell(ctx, conv, machine.CommandLeave{})
}

// confirming is how long Accept waits for the inviter's server.
const confirming = 5 * time.Second

// Accept turns a request into a conversation. It asks the inviter's server who
// they are, unless that is known: before this, no server but the account's own
// was asked anything.
func (c *Client) Accept(ctx context.Context, conv chat.ConversationID) error {
	a, err := c.actor(conv)
	if err != nil {
		return err
	}
	err = a.ask(ctx, machine.CommandAccept{})
	if !errors.Is(err, chat.ErrUnconfirmed) {
		return err
	}
	rec, recErr := c.conversationRecord(a.id)
	if recErr != nil {
		return recErr
	}
	asking, cancel := context.WithTimeout(ctx, confirming)
	defer cancel()
	found := c.lookUp(asking, []string{rec.Inviter})
	if e := found[rec.Inviter].Err; e != nil {
		return fmt.Errorf("%w (%s)", err, e.Error()) // nothing was accepted, so that it is no error of being off line
	}
	if err := a.ask(ctx, machine.InputChains{Found: found}); err != nil {
		return err
	}
	return a.ask(ctx, machine.CommandAccept{})
}

// Block refuses everything that somebody sends, from now on.
func (pp People) Block(ctx context.Context, who account.Address) error {
	err := pp.c.block(ctx, who)
	if err == nil {
		err = pp.c.store.Update(func(tx *records.Tx) error { return pp.c.setField(tx, records.FieldBlocked, who.String(), true) })
	}
	pp.c.tellOwnDevices()
	return err
}

// block is Block on this device alone.
func (c *Client) block(ctx context.Context, who account.Address) error {
	err := c.store.Update(func(tx *records.Tx) error {
		rec, err := records.LoadContact(tx, who.String())
		if err != nil {
			return err
		}
		rec.Blocked = true
		return errors.Join(records.SaveContact(tx, rec), records.RenewWake(tx, true), records.NewMailToken(tx))
	})
	if err != nil {
		return err
	}
	c.waker.kick()
	c.home.TokenChanged()
	all, err := c.conversationsEndedByBlock(who)
	if err != nil {
		return err
	}
	var failed []error
	for _, conv := range all {
		failed = append(failed, c.tell(ctx, conv, machine.CommandBlock{}))
	}
	return errors.Join(failed...)
}

// Unblock takes a block back; what was refused meanwhile is gone.
func (pp People) Unblock(who account.Address) error {
	err := pp.c.store.Update(func(tx *records.Tx) error {
		rec, err := records.LoadContact(tx, who.String())
		if err != nil {
			return err
		}
		rec.Blocked = false
		return errors.Join(records.SaveContact(tx, rec), pp.c.setField(tx, records.FieldBlocked, who.String(), false))
	})
	if err == nil {
		pp.c.tellOwnDevices()
	}
	return err
}
