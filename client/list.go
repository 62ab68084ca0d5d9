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
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
)

// waiting counts the messages that are still to be sent, by conversation: the
// outbox as a whole is short, where the conversations may be many.
func waiting(tx *records.Tx) (map[records.CID]int, error) {
	n := map[records.CID]int{}
	err := tx.Scan([]byte(records.TableOutbox), false, func(k, v []byte) (bool, error) {
		var item records.OutboxItem
		if err := records.Decode(v, &item); err != nil {
			return false, err
		}
		if item.Order != 0 {
			n[records.CID(k[1:1+len(records.CID{})])]++
		}
		return true, nil
	})
	return n, err
}

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
	err = c.store.View(func(tx *records.Tx) error {
		names, err := records.LoadRecent(tx)
		if err != nil {
			return err
		}
		keys := names.Keys()
		if err := tx.Fetch(keys); err != nil {
			return err
		}
		for _, at := range keys {
			var rec records.Conversation
			ok, err := tx.Load(at, &rec)
			if err != nil {
				return err
			}
			if ok { // it is not gone
				all = append(all, records.Stored{K: records.CID(at[1:]), Rec: rec})
			}
		}
		return nil
	})
	c.trackHost(all)
	return all, err
}

// part returns at most n conversations, from the one after a place on, and the
// place to go on from, nil at the end.
func (c *Client) part(after []byte, n int) (some []records.Stored, next []byte, err error) {
	err = c.store.View(func(tx *records.Tx) error {
		start := records.Key(records.TableConversation, after)
		return tx.ScanFrom([]byte(records.TableConversation), start, false, func(k, v []byte) (bool, error) {
			if len(k) == len(start) && string(k) == string(start) {
				return true, nil
			}
			if len(some) == n {
				next = some[n-1].K[:]
				return false, nil
			}
			s := records.Stored{K: records.CID(k[1:])}
			err := records.Decode(v, &s.Rec)
			some = append(some, s)
			return true, err
		})
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
		show := c.newViewBuilder(tx)
		if len(some) > conversationBatch {
			err = show.LoadContacts()
		} else {
			err = show.FetchContacts(some)
		}
		if err != nil {
			return err
		}
		waits, err := waiting(tx)
		if err != nil {
			return err
		}
		for i := range some {
			if some[i].Rec.Hidden || some[i].Rec.HasNoNotes() {
				continue
			}
			conv, err := show.Conversation(&some[i].Rec)
			if err != nil {
				return err
			}
			conv.Waiting = waits[some[i].K]
			all = append(all, conv)
		}
		return nil
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
	sortConversations(all)
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

// conversationBatch is the number of conversations read in one transaction.
const conversationBatch = 200

// forEachConversation calls fn for every conversation, outside of transactions.
func (c *Client) forEachConversation(fn func(records.Stored) error) error {
	var after []byte
	for {
		some, next, err := c.part(after, conversationBatch)
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
