// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
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
	commandRetry  struct{ id content.MessageID }
	commandCancel struct{ id content.MessageID }
)

// doAbort ends the upload of an item that is not to be sent any more.
type doAbort struct{ n uint64 }

func (doAbort) effect() {}

// Retry sends a message again that failed. It keeps its place and identifier,
// so that nobody gets it twice.
func (ms Messages) Retry(ctx context.Context, conv chat.ConversationID, msg content.MessageID) error {
	return ms.c.tell(ctx, conv, commandRetry{msg})
}

// Cancel takes back a message that still waits to be sent, whether or not its
// files are being uploaded, or that failed. The error wraps ErrTooLate once it
// may have left this device.
func (ms Messages) Cancel(ctx context.Context, conv chat.ConversationID, msg content.MessageID) error {
	return ms.c.tell(ctx, conv, commandCancel{msg})
}

// ownRecord loads a message that this account wrote.
func (c *conversation) ownRecord(tx *records.Tx, id content.MessageID) (uint64, *records.Message, error) {
	order, rec, err := records.LoadMessage(tx, c.id, id)
	switch {
	case err != nil:
		return 0, nil, err
	case rec == nil || rec.Deleted || rec.Expired(c.now()):
		return 0, nil, refusal{chat.ErrNoMessage}
	case rec.From != c.self.address.String():
		return 0, nil, refusal{chat.ErrNotYours}
	}
	return order, rec, nil
}

func (in commandRetry) step(c *conversation, tx *records.Tx) error {
	order, rec, err := c.ownRecord(tx, in.id)
	if err != nil {
		return err
	}
	if rec.State != chat.StateFailed {
		return refusal{errors.New("this message did not fail")}
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
func (c *conversation) editAgain(tx *records.Tx, rec *records.Message) error {
	if !rec.Edited {
		return nil
	}
	original, err := content.Decode(rec.Content)
	if err != nil {
		return refusal{err}
	}
	return commandSend{message: content.Edit(rec.ID, original, rec.Text)}.step(c, tx)
}

func (in commandCancel) step(c *conversation, tx *records.Tx) error {
	order, rec, err := c.ownRecord(tx, in.id)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(c.outbox, func(o *outItem) bool { return o.Order == order })
	switch {
	case i < 0 && rec.State == chat.StateFailed:
		return c.forget(tx, order, rec)
	case i < 0 || len(c.outbox[i].Ciphertext) > 0:
		return refusal{chat.ErrTooLate}
	}
	item := c.outbox[i]
	if item.working {
		c.out.do(doAbort{item.n})
	}
	if err := c.forget(tx, order, rec); err != nil {
		return err
	}
	return c.dropItem(tx, item)
}

// keepUploads remembers what sending a failed message again needs.
func (c *conversation) keepUploads(tx *records.Tx, item *outItem) error {
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
func (c *conversation) upload(item *outItem, i int) doUpload {
	e := doUpload{n: item.n, index: i, upload: item.Uploads[i], expire: time.Duration(item.Expire) * time.Second}
	e.progress.Conversation = chat.IDOf(c.rec.Channel)
	if id, err := content.ID(c.self.address.URI(), c.roomURI(), item.Message); err == nil {
		e.progress.Message = id
	}
	if msg, err := content.Decode(item.Message); err == nil {
		if all := msg.View().Attachments; i < len(all) {
			e.progress.Index = all[i].Index
		}
	}
	return e
}

// writable refuses what is to be said in a conversation that takes nothing.
func (c *conversation) writable() error {
	switch c.rec.Status {
	case chat.StatusActive:
	case chat.StatusRequest:
		return refusal{chat.ErrRequest}
	default:
		return refusal{fmt.Errorf("%w: %s", chat.ErrClosed, c.closedBecause())}
	}
	if slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o.Leave }) {
		return refusal{fmt.Errorf("%w: you are leaving it", chat.ErrClosed)}
	}
	return nil
}
