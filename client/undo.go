// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"slices"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
)

// change does to an earlier message what an own one asks for, the next item of
// the outbox, and keeps what takes that back. It returns the place of the
// earlier message, 0 if there is nothing to take back.
func (c *conversation) change(tx *records.Tx, id content.MessageID, raw []byte, m *content.Message) (target uint64, err error) {
	view := m.View()
	about := view.Replaces
	if view.Kind == content.KindReaction || view.Kind == content.KindUnreaction {
		about = view.InReplyTo
	}
	target, before, err := records.LoadMessage(tx, c.id, about)
	if err != nil {
		return 0, err
	}
	self := c.self.address.String()
	if err := c.take(tx, self, id, raw, m, chat.StateWaiting); err != nil || before == nil || before.Deleted {
		return 0, err
	}
	_, rec, err := records.LoadMessage(tx, c.id, about)
	if err != nil {
		return 0, err
	}
	u := records.Undo{Item: c.rec.NextItem + 1}
	switch view.Kind {
	case content.KindEdit:
		u.Text, u.Edited = &before.Text, before.Edited
	case content.KindDelete:
		u.Whole = before
	case content.KindReaction, content.KindUnreaction:
		u.Reaction = id
		u.Gone = slices.DeleteFunc(before.Reactions, func(x records.Reaction) bool { return slices.Contains(rec.Reactions, x) })
	default:
		return 0, nil
	}
	rec.Undo = append(rec.Undo, u)
	return target, tx.Save(records.Key(records.TableMessage, c.id[:], records.Number(target)), rec)
}

// resolvePending commits or rolls back the optimistic effect of an item on a
// message. The message may be deleted already.
func (c *conversation) resolvePending(tx *records.Tx, item *outItem, refused bool) error {
	if item.Target == 0 {
		return nil
	}
	at := records.Key(records.TableMessage, c.id[:], records.Number(item.Target))
	var rec records.Message
	ok, err := tx.Load(at, &rec)
	if err != nil || !ok {
		return err
	}
	if refused {
		rec.RollBack(item.n)
		return c.saveMessage(tx, item.Target, &rec, false)
	}
	if whole := rec.Confirm(item.n); whole != nil {
		if err := attachments.ForgetFiles(tx, records.Use{CID: c.id, Order: item.Target}, whole); err != nil {
			return err
		}
	}
	return tx.Save(at, &rec)
}
