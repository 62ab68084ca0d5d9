// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
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
func (c *Conversation) waitsForFiles(item *outItem, ahead *filesAhead) bool {
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
func (c *Conversation) startUpload(item *outItem, ahead filesAhead) {
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
func (c *Conversation) putOff() (n int) {
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
func (c *Conversation) delay(item *outItem, why error) chat.DelayEvent {
	e := chat.DelayEvent{Conversation: chat.IDOf(c.rec.Channel), Err: why, Until: c.uploads.Until}
	if id, err := content.ID(c.self.Address.URI(), c.RoomURI(), item.Message); err == nil {
		e.Message = id
	}
	return e
}

func (in InputUploaded) step(c *Conversation, tx *records.Tx) error {
	item := c.item(in.N)
	if item == nil || in.Index >= len(item.Uploads) {
		return nil
	}
	item.working = false
	if in.Err != nil {
		c.filesFirst = time.Time{}
	}
	switch {
	case in.Err == nil:
		c.uploads.Reset()
		item.Uploads[in.Index].Done = true
		return c.saveItem(tx, item)
	case link.Retryable(in.Err):
		c.uploads.Failed(c.now(), in.Err)
		c.out.emit(c.delay(item, in.Err))
		return nil
	}
	return c.fail(tx, item, in.Err)
}

// releaseFiles drops the kept files of an item that leaves the outbox after
// its message has gone.
func (c *Conversation) releaseFiles(tx *records.Tx, item *outItem) error {
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
func (c *Conversation) notePaths(tx *records.Tx, order uint64, uploads []records.Upload) error {
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

// Bounds of a commit: what it takes in any group, and more for each leaf, to
// which it may encrypt and give a role.
const (
	commitBase = 1 << 20
	commitLeaf = 4 << 10
)

// longestCommit is the length in bytes that no commit of the group exceeds.
func (c *Conversation) longestCommit() int64 {
	leaves := 0
	for _, of := range c.index() {
		leaves += len(of)
	}
	return min(commitBase+commitLeaf*int64(leaves), attachments.MaxStash)
}

// checkCommitSize refuses a commit that the others would not fetch.
func (c *Conversation) checkCommitSize(commit []byte) error {
	if int64(len(commit)) > c.longestCommit() {
		return errors.New("this is too much for one change of the group; do it in several")
	}
	return nil
}

// errStash: only a commit of the present epoch may be too long for an entry,
// and only so much.
var errStash = fmt.Errorf("%w: a message that lies elsewhere", rules.ErrRule)

// fetchCommit has a commit fetched that is too long for its entry. One at a
// time, as nothing after it can be read before.
func (c *Conversation) fetchCommit(tx *records.Tx, e protocol.Entry, stash envelope.Stash) error {
	if e.Kind != protocol.KindCommit || e.Epoch != c.group.Epoch() || stash.Size > c.longestCommit() {
		return c.unreadable(tx, e, errStash)
	}
	c.waiting = &e
	c.out.do(DoFetch{e.Seq, stash})
	return nil
}

func (in InputFetched) step(c *Conversation, tx *records.Tx) error {
	if c.waiting == nil || c.waiting.Seq != in.Seq {
		return nil // asked for before the connection ended, or a write failed
	}
	e, deferred := *c.waiting, c.deferred
	c.waiting, c.deferred = nil, nil
	var refused *protocol.Error
	switch {
	case in.Err == nil:
		c.channel.Reset()
		if err := c.process(tx, e, in.Message); err != nil {
			return err
		}
	case errors.Is(in.Err, backend.ErrOffline), errors.As(in.Err, &refused):
		c.phase = min(c.phase, phaseClosed) // to have the entry delivered again
		c.channel.Failed(c.now(), in.Err)
		return nil
	default:
		if err := c.unreadable(tx, e, in.Err); err != nil {
			return err
		}
	}
	for _, later := range deferred {
		if err := (InputEntry{later}).step(c, tx); err != nil {
			return err
		}
	}
	return nil
}
