// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"errors"
	"slices"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
)

// TakeInbox calls fn for what was received and not taken yet, oldest first,
// and forgets each once fn returns nil: after a crash the last may come again.
// If fn returns ErrLater, the item stays for the next call of TakeInbox; any other
// error ends this one. What belongs to requests stays until they are accepted.
func (c *Client) TakeInbox(fn func(chat.Received) error) error {
	var after []byte
	for {
		keys, items, err := c.nextInbox(after)
		if err != nil || len(items) == 0 {
			return err
		}
		after = keys[len(keys)-1]
		for i, item := range items {
			if item.Kind != 0 {
				err := fn(item)
				if errors.Is(err, chat.ErrLater) {
					continue
				}
				if err != nil {
					return err
				}
			}
			if err := c.store.Update(func(tx *records.Tx) error { return tx.Delete(keys[i]) }); err != nil {
				return err
			}
		}
	}
}

// ForgetInbox forgets what TakeInbox would return. It is for interfaces, which
// hear of what is received by events.
func (ms Messages) ForgetInbox() error {
	return ms.c.store.Update(func(tx *records.Tx) error {
		var keys [][]byte
		err := tx.Scan([]byte(records.TableInbox), false, func(k, _ []byte) (bool, error) {
			keys = append(keys, slices.Clone(k))
			return true, nil
		})
		for _, k := range keys {
			err = errors.Join(err, tx.Delete(k))
		}
		return err
	})
}

// inboxBatch is how many items are read at a time.
const inboxBatch = 64

// nextInbox reads the items behind one.
func (c *Client) nextInbox(after []byte) (keys [][]byte, items []chat.Received, err error) {
	start := records.Key(records.TableInbox, records.Number(0))
	if after != nil {
		start = records.Key(records.TableInbox, records.Number(records.LastNumber(after)+1))
	}
	err = c.store.View(func(tx *records.Tx) error {
		return tx.ScanFrom([]byte(records.TableInbox), start, false, func(k, v []byte) (bool, error) {
			var rec records.InboxItem
			if err := records.Decode(v, &rec); err != nil {
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
func (c *Client) received(tx *records.Tx, rec records.InboxItem) (item chat.Received, ready bool, err error) {
	var conv records.Conversation
	ok, err := tx.Load(records.Key(records.TableConversation, rec.CID[:]), &conv)
	if err != nil {
		return chat.Received{}, false, err
	}
	if ok && conv.Status == chat.StatusRequest {
		return chat.Received{}, false, nil
	}
	var msg records.Message
	if ok {
		if ok, err = tx.Load(records.Key(records.TableMessage, rec.CID[:], records.Number(rec.Order)), &msg); err != nil {
			return chat.Received{}, false, err
		}
	}
	if !ok || conv.Status == chat.StatusBlocked || msg.Expired(c.now()) {
		return chat.Received{}, true, nil
	}
	m, err := c.newViewBuilder(tx).Message(rec.CID, chat.IDOf(conv.Channel), rec.Order, &msg)
	return chat.Received{Kind: rec.Kind, From: records.Address(rec.From), Text: rec.Text, Message: m}, true, err
}
