// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
)

// uploadPatience is how long what is said after a message with files waits for
// their upload, so that a photo comes before what is said about it.
const uploadPatience = 5 * time.Second

// filesAhead are the places, in the history, of messages in the outbox whose
// files are not uploaded yet, the first one first.
type filesAhead []uint64

// uploading reports whether an item has files that are not uploaded yet.
func (o *outItem) uploading() bool {
	return slices.ContainsFunc(o.Uploads, func(u records.Upload) bool { return !u.Done })
}

// waitsForFiles reports whether an item has to wait for files: for its own, or
// for those of messages before it, which are ahead. Texts pass messages with
// files: what the server does not take must not silence a conversation. What
// changes such a message comes after it, and so does whoever is added to the
// group, who was not there when it was said. Leaving waits for uploads that go
// on, not for those that were put off.
func (c *conversation) waitsForFiles(item *outItem, ahead *filesAhead) bool {
	switch {
	case item.uploading():
		*ahead = append(*ahead, item.Order)
		return true
	case len(*ahead) == 0:
		return false
	case item.Change != nil:
		return len(item.Change.Add) > 0
	case item.Leave:
		return c.uploads.Wait == 0
	}
	return item.Target != 0 && slices.Contains(*ahead, item.Target)
}

// startUpload uploads the next file of the first message that has one: one
// file at a time.
func (c *conversation) startUpload(item *outItem, ahead filesAhead) {
	if item.working || len(ahead) != 1 || !c.uploads.Ready(c.now()) {
		return
	}
	if i := slices.IndexFunc(item.Uploads, func(u records.Upload) bool { return !u.Done }); i >= 0 {
		item.working = true
		c.out.do(c.upload(item, i))
		if i == 0 && c.uploads.Wait == 0 {
			c.filesFirst = c.now().Add(uploadPatience)
		}
	}
}

// putOff counts the items that wait for a file whose upload failed and is to be
// tried again later.
func (c *conversation) putOff() (n int) {
	if c.uploads.Wait == 0 {
		return 0
	}
	var ahead filesAhead
	for _, item := range c.outbox {
		if !item.Seen && c.waitsForFiles(item, &ahead) {
			n++
		}
	}
	return n
}

// delay says that a file of a message is tried again later.
func (c *conversation) delay(item *outItem, why error) chat.DelayEvent {
	e := chat.DelayEvent{Conversation: chat.IDOf(c.rec.Channel), Err: why, Until: c.uploads.Until}
	if id, err := content.ID(c.self.address.URI(), c.roomURI(), item.Message); err == nil {
		e.Message = id
	}
	return e
}

func (in inputUploaded) step(c *conversation, tx *records.Tx) error {
	item := c.item(in.n)
	if item == nil || in.index >= len(item.Uploads) {
		return nil
	}
	item.working = false
	if in.err != nil {
		c.filesFirst = time.Time{}
	}
	switch {
	case in.err == nil:
		c.uploads.Reset()
		item.Uploads[in.index].Done = true
		return c.saveItem(tx, item)
	case link.Retryable(in.err):
		c.uploads.Failed(c.now(), in.err)
		c.out.emit(c.delay(item, in.err))
		return nil
	}
	return c.fail(tx, item, in.err)
}

// releaseFiles drops the kept files of an item that leaves the outbox after
// its message has gone.
func (c *conversation) releaseFiles(tx *records.Tx, item *outItem) error {
	if !slices.ContainsFunc(item.Uploads, func(u records.Upload) bool { return u.Kept }) {
		return nil
	}
	var rec records.Message
	ok, err := tx.Load(records.Key(records.TableMessage, c.id[:], records.Number(item.Order)), &rec)
	if err != nil || ok && !rec.Whole().Deleted {
		return err
	}
	for _, u := range item.Uploads {
		if err := attachments.LetGo(tx, attachments.KeyOf(tx.Store, u.Token.BlobID()), records.Use{CID: c.id, Order: item.Order}); err != nil {
			return err
		}
	}
	return nil
}

// notePaths remembers where the attachments of an own message lie.
func (c *conversation) notePaths(tx *records.Tx, order uint64, uploads []records.Upload) error {
	if len(uploads) == 0 {
		return nil
	}
	var rec records.Message
	ok, err := tx.Load(records.Key(records.TableMessage, c.id[:], records.Number(order)), &rec)
	if err != nil || !ok {
		return err
	}
	msg, err := content.Decode(rec.Content)
	if err != nil {
		return err
	}
	for i, a := range msg.View().Attachments {
		switch {
		case i >= len(uploads):
		case uploads[i].Kept:
			if err := attachments.SendKept(tx, uploads[i], records.Use{CID: c.id, Order: order}); err != nil {
				return err
			}
		default:
			rec.Paths = append(rec.Paths, records.Path{Index: a.Index, Path: uploads[i].Path})
		}
	}
	return c.saveMessage(tx, order, &rec, false)
}
