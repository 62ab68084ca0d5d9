// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"errors"
	"slices"

	"github.com/securecrypt/securecrypt/account"
)

// InboxKind says what a Received is.
type InboxKind uint8

// The kinds of things received.
const (
	InboxMessage InboxKind = iota + 1
	InboxEdit
	InboxDelete
	InboxReaction
)

// String returns the kind as it stands in JSON.
func (k InboxKind) String() string {
	return [...]string{"", "message", "edit", "delete", "reaction"}[min(k, InboxReaction)]
}

// Received is something new that somebody sent.
type Received struct {
	Kind InboxKind
	// Message is the message as it is now, also where only a part of it is
	// new.
	Message Message
	From    account.Address
	// Text is the new text of an edit, or a reaction; a reaction that was
	// taken back has none.
	Text string
}

func appendInbox(tx *sealedTx, in inboxRecord) error {
	next := uint64(1)
	err := tx.tx.Scan([]byte(tableInbox), nil, true, func(k, _ []byte) (bool, error) {
		next = lastNumber(k) + 1
		return false, nil
	})
	if err != nil {
		return err
	}
	return tx.save(key(tableInbox, number(next)), &in)
}

// TakeInbox calls fn for what was received and not taken yet, oldest first,
// and forgets each once fn returns nil: after a crash the last may come again.
// What belongs to requests stays until they are accepted.
func (c *Client) TakeInbox(fn func(Received) error) error {
	for {
		keys, items, err := c.nextInbox()
		if err != nil || len(items) == 0 {
			return err
		}
		for i, item := range items {
			if item.Kind != 0 {
				if err := fn(item); err != nil {
					return err
				}
			}
			if err := c.store.update(func(tx *sealedTx) error { return tx.delete(keys[i]) }); err != nil {
				return err
			}
		}
	}
}

// ForgetInbox forgets what TakeInbox would return. It is for interfaces, which
// hear of what is received by events.
func (c *Client) ForgetInbox() error {
	return c.store.update(func(tx *sealedTx) error {
		var keys [][]byte
		err := tx.scan([]byte(tableInbox), false, func(k, _ []byte) (bool, error) {
			keys = append(keys, slices.Clone(k))
			return true, nil
		})
		for _, k := range keys {
			err = errors.Join(err, tx.delete(k))
		}
		return err
	})
}

// inboxBatch is how many items are read at a time.
const inboxBatch = 64

func (c *Client) nextInbox() (keys [][]byte, items []Received, err error) {
	err = c.store.view(func(tx *sealedTx) error {
		return tx.scan([]byte(tableInbox), false, func(k, v []byte) (bool, error) {
			var rec inboxRecord
			if err := decodeRecord(v, &rec); err != nil {
				return false, err
			}
			item, ready, err := c.received(tx, rec)
			if err != nil {
				return false, err
			}
			if ready {
				keys = append(keys, slices.Clone(k))
				items = append(items, item)
			}
			return len(items) < inboxBatch, nil
		})
	})
	return keys, items, err
}

// received looks up what an inbox record stands for. It is not ready while
// its conversation is a request; its Kind is 0 if it is gone.
func (c *Client) received(tx *sealedTx, rec inboxRecord) (item Received, ready bool, err error) {
	var conv convRecord
	ok, err := tx.load(key(tableConversation, rec.CID[:]), &conv)
	if err != nil {
		return Received{}, false, err
	}
	if ok && conv.Status == StatusRequest {
		return Received{}, false, nil
	}
	var msg messageRecord
	if ok {
		if ok, err = tx.load(key(tableMessage, rec.CID[:], number(rec.Order)), &msg); err != nil {
			return Received{}, false, err
		}
	}
	if !ok || conv.Status == StatusBlocked || msg.expired(c.now()) {
		return Received{}, true, nil
	}
	m, err := c.shower(tx).message(rec.CID, conversationID(conv.Channel), rec.Order, &msg)
	return Received{Kind: rec.Kind, From: address(rec.From), Text: rec.Text, Message: m}, true, err
}
