// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"slices"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
)

// whole is the message as it was before an own deletion that is not sent yet:
// until then the others have all of it, and the server may refuse.
func (r *messageRecord) whole() *messageRecord {
	for _, u := range r.Undo {
		if u.Whole != nil {
			return u.Whole
		}
	}
	return r
}

// change does to an earlier message what an own one asks for, the next item of
// the outbox, and keeps what takes that back. It returns the place of the
// earlier message, 0 if there is nothing to take back.
func (c *conversation) change(tx *sealedTx, id content.MessageID, raw []byte, m *content.Message) (target uint64, err error) {
	view := m.View()
	about := view.Replaces
	if view.Kind == content.KindReaction || view.Kind == content.KindUnreaction {
		about = view.InReplyTo
	}
	target, before, err := c.loadMessage(tx, about)
	if err != nil {
		return 0, err
	}
	self := c.self.address.String()
	if err := c.take(tx, self, id, raw, m, chat.StateWaiting); err != nil || before == nil || before.Deleted {
		return 0, err
	}
	_, rec, err := c.loadMessage(tx, about)
	if err != nil {
		return 0, err
	}
	u := undoRecord{Item: c.rec.NextItem + 1}
	switch view.Kind {
	case content.KindEdit:
		u.Text, u.Edited = &before.Text, before.Edited
	case content.KindDelete:
		u.Whole = before
	case content.KindReaction, content.KindUnreaction:
		u.Reaction = id
		u.Gone = slices.DeleteFunc(before.Reactions, func(x reactionRecord) bool { return slices.Contains(rec.Reactions, x) })
	default:
		return 0, nil
	}
	rec.Undo = append(rec.Undo, u)
	return target, tx.save(key(tableMessage, c.id[:], number(target)), rec)
}

// resolvePending commits or rolls back the optimistic effect of an item on a
// message. The message may be deleted already.
func (c *conversation) resolvePending(tx *sealedTx, item *outItem, refused bool) error {
	if item.Target == 0 {
		return nil
	}
	at := key(tableMessage, c.id[:], number(item.Target))
	var rec messageRecord
	ok, err := tx.load(at, &rec)
	if err != nil || !ok {
		return err
	}
	if refused {
		rec.undo(item.n)
		return c.saveMessage(tx, item.Target, &rec, false)
	}
	if whole := rec.keep(item.n); whole != nil {
		if err := forgetFiles(tx, useRecord{c.id, item.Target}, whole); err != nil {
			return err
		}
	}
	return tx.save(at, &rec)
}

// undone takes what an item did out of Undo, and returns it with the version
// of the message that it was done to.
func (r *messageRecord) undone(n uint64) (*messageRecord, undoRecord) {
	i := slices.IndexFunc(r.Undo, func(u undoRecord) bool { return u.Item == n })
	if i < 0 {
		if whole := r.whole(); whole != r {
			return whole.undone(n)
		}
		return r, undoRecord{}
	}
	u := r.Undo[i]
	r.Undo = slices.Delete(r.Undo, i, i+1)
	return r, u
}

// keep forgets how to take back what an item did. It returns the message if
// that was a deletion.
func (r *messageRecord) keep(n uint64) *messageRecord {
	_, u := r.undone(n)
	return u.Whole
}

// undo takes back what an item did, and leaves what others did before and
// after it.
func (r *messageRecord) undo(n uint64) {
	r, u := r.undone(n)
	switch {
	case u.Whole != nil:
		state, reason, why, recipients := r.State, r.Reason, r.Cause, r.Recipients // what became of it goes on
		*r = *u.Whole
		r.State, r.Reason, r.Cause, r.Recipients = state, reason, why, recipients
	case u.Text != nil:
		r.unedit(u)
	case !u.Reaction.IsZero():
		r.unreact(u)
	}
}

// unedit takes back an edit. One of a message that failed itself stays: it is
// sent when that is sent again.
func (r *messageRecord) unedit(u undoRecord) {
	if r.State == chat.StateFailed {
		return
	}
	if i := slices.IndexFunc(r.Undo, func(later undoRecord) bool { return later.Text != nil }); i >= 0 {
		r.Undo[i].Text, r.Undo[i].Edited = u.Text, u.Edited
		return
	}
	r.Text, r.Edited = *u.Text, u.Edited
}

func (r *messageRecord) unreact(u undoRecord) {
	same := func(x reactionRecord) bool { return x.ID == u.Reaction }
	r.Reactions = slices.DeleteFunc(r.Reactions, same)
	for i := range r.Undo {
		r.Undo[i].Gone = slices.DeleteFunc(r.Undo[i].Gone, same)
	}
	r.Reactions = append(r.Reactions, u.Gone...)
}
