// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
)

type (
	CommandRetry  struct{ Id content.MessageID }
	CommandCancel struct{ Id content.MessageID }
)

// DoAbort ends the upload of an item that is not to be sent any more.
type DoAbort struct{ N uint64 }

func (DoAbort) effect() {}

// ownRecord loads a message that this account wrote.
func (c *Conversation) ownRecord(tx *records.Tx, id content.MessageID) (uint64, *records.Message, error) {
	order, rec, err := records.LoadMessage(tx, c.id, id)
	switch {
	case err != nil:
		return 0, nil, err
	case rec == nil || rec.Deleted || rec.Expired(c.now()):
		return 0, nil, Refusal{chat.ErrNoMessage}
	case rec.From != c.self.Address.String():
		return 0, nil, Refusal{chat.ErrNotYours}
	}
	return order, rec, nil
}

func (in CommandRetry) step(c *Conversation, tx *records.Tx) error {
	order, rec, err := c.ownRecord(tx, in.Id)
	if err != nil {
		return err
	}
	if rec.State != chat.StateFailed {
		return Refusal{errors.New("this message did not fail")}
	}
	if err := c.writable(); err != nil {
		return err
	}
	lasts := time.Duration(0)
	if rec.Expires != 0 {
		lasts = time.Unix(rec.Expires+rec.Behind, 0).Sub(c.now())
	}
	out := records.OutboxItem{Message: rec.Content, Order: order, Uploads: rec.Uploads, Expire: uint64(attachments.BlobExpiry(lasts) / time.Second)}
	for i := range out.Uploads {
		out.Uploads[i].Done = false // the server may have let go of it meanwhile
	}
	rec.State, rec.Reason, rec.Cause, rec.Uploads = chat.StateWaiting, "", 0, nil
	if err := c.saveMessage(tx, order, rec, false); err != nil {
		return err
	}
	if _, err := c.queue(tx, out); err != nil {
		return err
	}
	return c.editAgain(tx, rec)
}

// editAgain repeats the edit of a message that the others had not got when it
// was made.
func (c *Conversation) editAgain(tx *records.Tx, rec *records.Message) error {
	if !rec.Edited {
		return nil
	}
	original, err := content.Decode(rec.Content)
	if err != nil {
		return Refusal{err}
	}
	return CommandSend{Message: content.Edit(rec.ID, original, rec.Text)}.step(c, tx)
}

func (in CommandCancel) step(c *Conversation, tx *records.Tx) error {
	order, rec, err := c.ownRecord(tx, in.Id)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(c.outbox, func(o *outItem) bool { return o.Order == order })
	switch {
	case i < 0 && rec.State == chat.StateFailed:
		return c.forget(tx, order, rec)
	case i < 0 || len(c.outbox[i].Ciphertext) > 0:
		return Refusal{chat.ErrTooLate}
	}
	item := c.outbox[i]
	if item.working {
		c.out.do(DoAbort{item.n})
	}
	if err := c.forget(tx, order, rec); err != nil {
		return err
	}
	return c.dropItem(tx, item)
}

// keepUploads remembers what sending a failed message again needs.
func (c *Conversation) keepUploads(tx *records.Tx, item *outItem) error {
	if item.Order == 0 || len(item.Uploads) == 0 {
		return nil
	}
	at := records.Key(records.TableMessage, c.id[:], records.Number(item.Order))
	var rec records.Message
	ok, err := tx.Load(at, &rec)
	if err != nil || !ok || rec.Whole().Deleted {
		return err
	}
	rec.Whole().Uploads = item.Uploads
	return tx.Save(at, &rec)
}

// upload is what an item needs to have its next file uploaded.
func (c *Conversation) upload(item *outItem, i int) DoUpload {
	e := DoUpload{N: item.n, Index: i, Upload: item.Uploads[i], Expire: time.Duration(item.Expire) * time.Second}
	e.Progress.Conversation = chat.IDOf(c.rec.Channel)
	if id, err := content.ID(c.self.Address.URI(), c.RoomURI(), item.Message); err == nil {
		e.Progress.Message = id
	}
	if msg, err := content.Decode(item.Message); err == nil {
		if all := msg.View().Attachments; i < len(all) {
			e.Progress.Index = all[i].Index
		}
	}
	return e
}

// writable refuses what is to be said in a conversation that takes nothing.
func (c *Conversation) writable() error {
	switch c.rec.Status {
	case chat.StatusActive:
	case chat.StatusRequest:
		return Refusal{chat.ErrRequest}
	default:
		return Refusal{fmt.Errorf("%w: %s", chat.ErrClosed, c.closedBecause())}
	}
	if slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o.Leave }) {
		return Refusal{fmt.Errorf("%w: you are leaving it", chat.ErrClosed)}
	}
	return nil
}

// change does to an earlier message what an own one asks for, the next item of
// the outbox, and keeps what takes that back. It returns the place of the
// earlier message, 0 if there is nothing to take back.
func (c *Conversation) change(tx *records.Tx, id content.MessageID, raw []byte, m *content.Message) (target uint64, err error) {
	view := m.View()
	about := view.Replaces
	if view.Kind == content.KindReaction || view.Kind == content.KindUnreaction {
		about = view.InReplyTo
	}
	target, before, err := records.LoadMessage(tx, c.id, about)
	if err != nil {
		return 0, err
	}
	self := c.self.Address.String()
	if err := c.Take(tx, self, id, raw, m, chat.StateWaiting); err != nil || before == nil || before.Deleted {
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
func (c *Conversation) resolvePending(tx *records.Tx, item *outItem, refused bool) error {
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
