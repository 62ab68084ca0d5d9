// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// Flood adds messages from somebody else to the history of a conversation whose
// actor does not run.
func (c *Client) Flood(id chat.ConversationID, n int, text func(i int) string) error {
	for first := 0; first < n; first += 1000 {
		err := c.store.Update(func(tx *records.Tx) error {
			m, err := machine.Load(tx, c.environment(), c.place(id))
			if err != nil {
				return err
			}
			m.Begin(tx, &machine.Outcome{})
			for i := first; i < min(n, first+1000); i++ {
				if err := flood(m, tx, text(i)); err != nil {
					return err
				}
			}
			return m.End(tx)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func flood(m *machine.Conversation, tx *records.Tx, text string) error {
	msg, err := content.Text(text).Salted(rand.Reader)
	if err != nil {
		return err
	}
	raw, err := msg.Encode()
	if err != nil {
		return err
	}
	id, err := content.ID("mimi://here/u/bob", m.RoomURI(), raw)
	if err != nil {
		return err
	}
	return m.Take(tx, "bob@here", id, raw, &msg, chat.StateReceived)
}

// Multiply lists a conversation n more times, under other identifiers and each
// with a contact; their groups are missing.
func (c *Client) Multiply(id chat.ConversationID, n int) error {
	return c.store.Update(func(tx *records.Tx) error {
		var rec records.Conversation
		if _, err := tx.Load(records.Key(records.TableConversation, idKey(c, id)), &rec); err != nil {
			return err
		}
		for i := range n {
			rec.Channel[0], rec.Channel[1], rec.Channel[2] = 0xff, byte(i>>8), byte(i)
			rec.Group, rec.Peer = false, fmt.Sprintf("someone%d@here", i)
			if err := tx.Save(records.Key(records.TableConversation, tx.Index(rec.Channel[:])), &rec); err != nil {
				return err
			}
			if err := records.SaveContact(tx, records.Contact{Version: records.Version, Address: rec.Peer, Name: rec.Peer, Known: true}); err != nil {
				return err
			}
		}
		return nil
	})
}

func idKey(c *Client, id chat.ConversationID) []byte {
	k := c.place(id)
	return k[:]
}

// Traces counts the records that belong to conversations, by table.
func (c *Client) Traces(t testing.TB) map[string]int {
	t.Helper()
	n := map[string]int{}
	for _, table := range []string{
		records.TableConversation, records.TableDirect, records.TableGroup, records.TableEnvelope, records.TableMessage, records.TableMessageID, records.TableOutbox, records.TableDelivery,
		records.TableInbox, records.TableHeld, records.TableExpiry, records.TableGone, records.TableFile, records.TablePiece,
	} {
		fatal(t, c.store.View(func(tx *records.Tx) error {
			return tx.Scan([]byte(table), false, func(_, _ []byte) (bool, error) {
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
	fatal(t, c.store.View(func(tx *records.Tx) (err error) {
		epoch, err = records.GoneIn(tx, records.CID(tx.Index(channel[:])))
		return err
	}))
	return epoch
}
