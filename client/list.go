// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/queries"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
)

// SetPinned keeps a conversation at the top of the list, or no longer.
func (ls List) SetPinned(ctx context.Context, conv chat.ConversationID, on bool) error {
	return ls.c.tell(ctx, conv, machine.CommandPin{On: on})
}

// SetArchived puts a conversation away, or takes it back. The next message
// takes it back, too, unless it is muted.
func (ls List) SetArchived(ctx context.Context, conv chat.ConversationID, on bool) error {
	return ls.c.tell(ctx, conv, machine.CommandChoose{Change: func(r *records.List) { r.Archived = on }})
}

// SetMuted asks interfaces not to call attention to a conversation until a
// time; one that has passed, such as the zero time, ends that. Meanwhile the
// others cannot wake this device for it, which theirs may notice.
func (ls List) SetMuted(ctx context.Context, conv chat.ConversationID, until time.Time) error {
	muted := int64(0)
	if until.After(ls.c.now()) {
		muted = records.Millis(until)
	}
	return ls.c.tell(ctx, conv, machine.CommandChoose{Change: func(r *records.List) { r.MutedUntil = muted }})
}

// SetDraft keeps what somebody is about to write, at most MaxText bytes, and
// the message that it replies to, if any. An empty text with no reply forgets
// it.
func (ls List) SetDraft(ctx context.Context, conv chat.ConversationID, text string, reply content.MessageID) error {
	if len(text) > chat.MaxText {
		return machine.ErrTextTooLong
	}
	var to []byte
	if !reply.IsZero() {
		to = bytes.Clone(reply[:])
	}
	return ls.c.tell(ctx, conv, machine.CommandChoose{Change: func(r *records.List) { r.Draft, r.DraftReply = records.Storable(text), to }})
}

// Delete removes a conversation and all that was said in it from
// this device. A request is thereby declined, which nobody else learns; a
// conversation that goes on is refused with ErrStillIn. The keys of one that was
// left remain, out of sight, until the others have let this account go, or were
// given the time to.
func (ls List) Delete(ctx context.Context, conv chat.ConversationID) error {
	return ls.c.tell(ctx, conv, machine.CommandDelete{})
}

// recent returns the conversations that a list begins with, those deleted
// included that are followed still.
func (c *Client) recent() (all []records.Stored, err error) {
	err = c.store.View(func(tx *records.Tx) (err error) {
		all, err = queries.Recent(tx)
		return err
	})
	c.trackHost(all)
	return all, err
}

// part returns at most n conversations, from the one after a place on, and the
// place to go on from, nil at the end.
func (c *Client) part(after []byte, n int) (some []records.Stored, next []byte, err error) {
	err = c.store.View(func(tx *records.Tx) (err error) {
		some, next, err = queries.Part(tx, after, n)
		return err
	})
	if err == nil {
		c.trackHost(some)
	}
	return some, next, err
}

// trackHost records the conversations' server. It must not be called within a
// transaction, which does not take the client's lock.
func (c *Client) trackHost(all []records.Stored) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range all {
		if err := c.registerID(chat.IDOf(all[i].Rec.Channel), all[i].K); err != nil {
			c.log.Error("a conversation cannot be named", "error", err)
		}
	}
}

// viewAll converts stored conversations to API types.
func (c *Client) viewAll(some []records.Stored) (all []chat.Conversation, err error) {
	err = c.store.View(func(tx *records.Tx) (err error) {
		all, err = queries.Show(c.newViewBuilder(tx), some)
		return err
	})
	return all, err
}

// Recent returns what a list of conversations begins with: at least those that
// are pinned and the two dozen in which something happened last. It takes the
// same time however many there are.
func (ls List) Recent() ([]chat.Conversation, error) {
	some, err := ls.c.recent()
	if err != nil {
		return nil, err
	}
	all, err := ls.c.viewAll(some)
	queries.Sort(all)
	return all, err
}

var errPlace = errors.New("client: no place in the list of conversations")

// After returns at most n conversations, in an order of the
// store's own, and the place to go on from; places are empty at the beginning
// and at the end. Others get their turn between two such calls, which
// Conversations does not let them.
func (ls List) After(place string, n int) (all []chat.Conversation, next string, err error) {
	from, err := hex.DecodeString(place)
	if err != nil || len(from) != 0 && len(from) != len(records.CID{}) {
		return nil, "", errPlace
	}
	some, to, err := ls.c.part(from, n)
	if err != nil {
		return nil, "", err
	}
	all, err = ls.c.viewAll(some)
	return all, hex.EncodeToString(to), err
}

// forEachConversation calls fn for every conversation, outside of transactions.
func (c *Client) forEachConversation(fn func(records.Stored) error) error {
	var after []byte
	for {
		some, next, err := c.part(after, queries.Batch)
		for i := range some {
			if err == nil {
				err = fn(some[i])
			}
		}
		if err != nil {
			return err
		}
		if after = next; after == nil {
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.surveyed = true
	return nil
}
