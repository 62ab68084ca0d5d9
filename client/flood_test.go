// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// Flood adds messages from somebody else to the history of a conversation whose
// actor does not run.
func (c *Client) Flood(id chat.ConversationID, n int, text func(i int) string) error {
	for first := 0; first < n; first += 1000 {
		err := c.store.update(func(tx *sealedTx) error {
			m, err := loadConversation(tx, c.self, c.now, c.ids[id])
			if err != nil {
				return err
			}
			m.begin(tx, &outcome{})
			for i := first; i < min(n, first+1000); i++ {
				if err := m.flood(tx, text(i)); err != nil {
					return err
				}
			}
			return m.end(tx)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *conversation) flood(tx *sealedTx, text string) error {
	msg, err := content.Text(text).Salted(rand.Reader)
	if err != nil {
		return err
	}
	raw, err := msg.Encode()
	if err != nil {
		return err
	}
	id, err := content.ID("mimi://here/u/bob", c.roomURI(), raw)
	if err != nil {
		return err
	}
	rec := &messageRecord{Version: recordVersion, ID: id, From: "bob@here", Received: millis(c.now()), Content: raw, Text: text}
	rec.Sent = rec.Received
	order, err := c.add(tx, rec)
	c.arrived(order, rec)
	return err
}

// Multiply lists a conversation n more times, under other identifiers and each
// with a contact; their groups are missing.
func (c *Client) Multiply(id chat.ConversationID, n int) error {
	return c.store.update(func(tx *sealedTx) error {
		var rec convRecord
		if _, err := tx.load(key(tableConversation, idKey(c, id)), &rec); err != nil {
			return err
		}
		for i := range n {
			rec.Channel[0], rec.Channel[1], rec.Channel[2] = 0xff, byte(i>>8), byte(i)
			rec.Group, rec.Peer = false, fmt.Sprintf("someone%d@here", i)
			if err := tx.save(key(tableConversation, tx.index(rec.Channel[:])), &rec); err != nil {
				return err
			}
			if err := saveContact(tx, contactRecord{Version: recordVersion, Address: rec.Peer, Name: rec.Peer, Known: true}); err != nil {
				return err
			}
		}
		return nil
	})
}

func idKey(c *Client, id chat.ConversationID) []byte {
	k := c.ids[id]
	return k[:]
}

// Traces counts the records that belong to conversations, by table.
func (c *Client) Traces(t testing.TB) map[string]int {
	t.Helper()
	n := map[string]int{}
	for _, table := range []string{
		tableConversation, tableDirect, tableGroup, tableEnvelope, tableMessage, tableMessageID, tableOutbox, tableDelivery,
		tableInbox, tableHeld, tableExpiry, tableGone, tableFile, tablePiece,
	} {
		fatal(t, c.store.view(func(tx *sealedTx) error {
			return tx.scan([]byte(table), false, func(_, _ []byte) (bool, error) {
				n[table]++
				return true, nil
			})
		}))
	}
	return n
}

// DeletedAt returns the epoch up to which invitations to a deleted conversation
// are refused.
func (c *Client) DeletedAt(t testing.TB, channel protocol.ChannelID) (epoch uint64) {
	t.Helper()
	fatal(t, c.store.view(func(tx *sealedTx) (err error) {
		epoch, err = goneIn(tx, cid(tx.index(channel[:])))
		return err
	}))
	return epoch
}
