// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"slices"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
)

// holdUntilConfirmed stores an action of an unconfirmed member, other than
// sending a message, until their account is confirmed.
func (c *conversation) holdUntilConfirmed(tx *records.Tx, rec records.Held) error {
	c.rec.NextItem++
	c.rec.Held = true
	c.touch()
	return tx.Save(records.Key(records.TableHeld, c.id[:], records.Number(c.rec.NextItem)), &rec)
}

// release shows the messages of members who are now confirmed, and then does
// what else they did meanwhile.
func (c *conversation) release(tx *records.Tx, from map[string]bool) error {
	if !c.rec.Held {
		return nil
	}
	c.rec.Held = len(c.unconfirmedMembers()) > 0
	if err := c.releaseMessages(tx, from); err != nil {
		return err
	}
	var keys [][]byte
	var held []records.Held
	err := tx.Scan(records.Key(records.TableHeld, c.id[:]), false, func(k, v []byte) (bool, error) {
		var rec records.Held
		if err := records.Decode(v, &rec); err != nil {
			return false, err
		}
		if from[rec.From] {
			keys, held = append(keys, slices.Clone(k)), append(held, rec)
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	for i, rec := range held {
		if err := tx.Delete(keys[i]); err != nil {
			return err
		}
		msg, err := content.Decode(rec.Content)
		if err != nil {
			continue
		}
		if err := c.take(tx, rec.From, rec.ID, rec.Content, msg, chat.StateReceived); err != nil {
			return err
		}
	}
	return nil
}

func (c *conversation) releaseMessages(tx *records.Tx, from map[string]bool) error {
	held := map[uint64]*records.Message{}
	var orders []uint64
	err := tx.Scan(records.Key(records.TableMessage, c.id[:]), false, func(k, v []byte) (bool, error) {
		var rec records.Message
		if err := records.Decode(v, &rec); err != nil {
			return false, err
		}
		if rec.Held && from[rec.From] {
			held[records.LastNumber(k)] = &rec
			orders = append(orders, records.LastNumber(k))
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, order := range orders {
		rec := held[order]
		rec.Held = false
		c.arrived(order, rec)
		c.unreported(order)
		if err := c.saveMessage(tx, order, rec, true); err != nil {
			return err
		}
		if err := c.enqueue(tx, records.InboxItem{Order: order, Kind: chat.InboxMessage, From: rec.From}); err != nil {
			return err
		}
	}
	return nil
}
