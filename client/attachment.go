// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"slices"

	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// errSentBefore is for a file that two messages want: it would tell the server
// that they belong together.
var errSentBefore = errors.New("this file was sent already, or waited for too long: attach it again")

// Attach copies a file into the profile, sealed, to be sent with a Draft
// within a week. mediaType may be empty. It works without Files and leaves
// nothing readable on the device.
func (fs Files) Attach(ctx context.Context, name, mediaType string, r io.Reader) (chat.FileID, error) {
	rec := records.File{
		Version: records.Version, Name: records.Storable(name), Type: records.Storable(mediaType), Attached: fs.c.now().Unix(), Used: fs.c.now().Unix(),
		Secret: attach.NewSecret(),
	}
	if rec.Name == "" {
		rec.Name = "attachment"
	}
	if _, err := rand.Read(rec.Token[:]); err != nil {
		return "", err
	}
	k := keyOfFile(fs.c.store, rec.Token.BlobID())
	release, err := fs.c.attachments.claim(ctx, k)
	if err != nil {
		return "", err
	}
	defer release()
	if err := fs.c.store.Update(func(tx *records.Tx) error { return saveFile(tx, k, &rec) }); err != nil {
		return "", err
	}
	err = fs.c.copyIn(ctx, k, r)
	if err == nil {
		err = fs.c.attachments.makeRoom(0)
	}
	if err != nil {
		return "", errors.Join(err, fs.c.attachments.drop(k))
	}
	return chat.FileIDOf(rec.Token.BlobID()), nil
}

// copyIn writes all of r into a cached file that has only a record.
func (c *Client) copyIn(ctx context.Context, k cacheKey, r io.Reader) error {
	w, err := c.attachments.writer(k, 0, 0)
	if err != nil {
		return err
	}
	n, err := io.Copy(w, io.LimitReader(contextReader{ctx, r}, attach.MaxSize+1))
	if err != nil {
		return err
	}
	if n > attach.MaxSize {
		return attach.ErrTooLarge
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.attachments.change(k, func(_ *records.Tx, rec *records.File) error {
		rec.Whole, rec.Hash = true, w.sum.Sum(nil)
		return nil
	})
}

// A contextReader fails when its context ends.
type contextReader struct {
	ctx context.Context
	io.Reader
}

// Read implements io.Reader.
func (u contextReader) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.Reader.Read(p)
}

// Detach forgets a file that was attached and not sent.
func (fs Files) Detach(id chat.FileID) error {
	blob, err := protocol.ParseBlobID(string(id))
	if err != nil {
		return errNotKept
	}
	return fs.c.store.Update(func(tx *records.Tx) error {
		k := keyOfFile(fs.c.store, blob)
		rec, err := loadFile(tx, k)
		if err != nil || rec == nil || rec.Attached == 0 {
			return err
		}
		return dropFile(tx, k)
	})
}

// takeUpload prepares an attached file for sending.
func (c *Client) takeUpload(id chat.FileID) (records.Upload, error) {
	blob, err := protocol.ParseBlobID(string(id))
	if err != nil {
		return records.Upload{}, errNotKept
	}
	rec, err := c.attachments.find(keyOfFile(c.store, blob))
	if err != nil {
		return records.Upload{}, err
	}
	if rec == nil || !rec.Whole || rec.Attached == 0 {
		return records.Upload{}, errSentBefore
	}
	return records.Upload{
		Name: rec.Name, Type: rec.Type, Size: rec.Have, Hash: [attach.ContentHash]byte(rec.Hash),
		Secret: rec.Secret, Token: rec.Token, Kept: true,
	}, nil
}

// stillAttached returns errSentBefore for files that are not there to be sent any
// more, or that are to be sent twice.
func stillAttached(tx *records.Tx, uploads []records.Upload) error {
	seen := map[protocol.UploadToken]bool{}
	for _, u := range uploads {
		if !u.Kept {
			continue
		}
		rec, err := loadFile(tx, keyOfFile(tx.Store, u.Token.BlobID()))
		if err != nil {
			return err
		}
		if rec == nil || rec.Attached == 0 || seen[u.Token] {
			return errSentBefore
		}
		seen[u.Token] = true
	}
	return nil
}

// sendKept takes a file that is still attached into a message.
func sendKept(tx *records.Tx, u records.Upload, by records.Use) error {
	k := keyOfFile(tx.Store, u.Token.BlobID())
	rec, err := loadFile(tx, k)
	if err != nil || rec == nil {
		return err
	}
	rec.Attached, rec.Uses = 0, []records.Use{by}
	return saveFile(tx, k, rec)
}

// Open opens a file that came with a message, or went with it, and
// returns its size in bytes. What is not on this device is downloaded first,
// from where an earlier attempt ended; progress is told as ProgressEvents.
// What is handed out is what the sender attached, to the last bit.
func (fs Files) Open(ctx context.Context, conv chat.ConversationID, id content.MessageID, index int) (io.ReadSeekCloser, int64, error) {
	ext, name, err := fs.c.attachment(conv, id, index)
	if err != nil {
		return nil, 0, err
	}
	if f := fs.c.openLocal(conv, id, index, ext); f != nil {
		return f, int64(ext.Size), nil
	}
	host, err := fs.c.hostOf(conv)
	if err != nil {
		return nil, 0, err
	}
	blob, err := blobAt(ext, host)
	if err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(fs.c.ctx, func() { cancel(context.Cause(fs.c.ctx)) })()
	k := keyOfFile(fs.c.store, blob)
	release, err := fs.c.attachments.claim(ctx, k)
	if err != nil {
		return nil, 0, err
	}
	defer release()
	by, err := fs.c.attachmentUse(conv, id)
	if err != nil {
		return nil, 0, err
	}
	if err := fs.c.ensureCached(ctx, attachmentLocation{host, blob, name, conv, id, index}, by, ext, k); err != nil {
		return nil, 0, err
	}
	f, err := fs.c.attachments.open(k)
	if err != nil {
		return nil, 0, err
	}
	return f, f.size, nil
}

// attachmentUse returns the reference by which a message uses a cached file.
func (c *Client) attachmentUse(conv chat.ConversationID, id content.MessageID) (by records.Use, err error) {
	err = c.viewConversation(conv, func(tx *records.Tx, k records.CID, _ *records.Conversation) error {
		order, _, err := c.pager(tx, k, conv).find(id)
		by = records.Use{CID: k, Order: order}
		return err
	})
	return by, err
}

// openLocal opens the file of an attachment where it lies on the machine, if
// it still does and is unchanged.
func (c *Client) openLocal(conv chat.ConversationID, id content.MessageID, index int, ext *content.External) io.ReadSeekCloser {
	rec, err := c.messageRecord(conv, id)
	i := slices.IndexFunc(rec.Paths, func(p records.Path) bool { return p.Index == index })
	if err != nil || i < 0 || c.config.Files == nil {
		return nil
	}
	f, err := c.config.Files.Open(rec.Paths[i].Path)
	if err != nil {
		return nil
	}
	size, sum, err := hashOf(f)
	if err != nil || size != int64(ext.Size) || string(sum[:]) != string(ext.ContentHash) || seek(f, 0) != nil {
		_ = f.Close() // it is only read
		return nil
	}
	return f
}

// ensureCached downloads an attachment unless the cache has it.
func (c *Client) ensureCached(ctx context.Context, at attachmentLocation, by records.Use, ext *content.External, k cacheKey) error {
	rec, err := c.attachments.find(k)
	if err != nil {
		return err
	}
	if rec != nil && string(rec.Hash) != string(ext.ContentHash) {
		if rec.Whole { // another message has the same place for another file
			return attach.ErrCorrupt
		}
		if err := c.attachments.drop(k); err != nil {
			return err
		}
		rec = nil
	}
	if rec == nil {
		rec = &records.File{Version: records.Version, Hash: ext.ContentHash}
		err = c.attachments.add(k, rec, by)
	} else {
		err = c.attachments.touch(k, rec, by)
	}
	if err != nil || rec.Whole {
		return err
	}
	err = c.completeDownload(ctx, at, ext, k, rec.Have)
	if errors.Is(err, backend.ErrFull) { // what came so far would leave no room for anything else
		err = errors.Join(err, c.attachments.drop(k))
	}
	return err
}

// completeDownload downloads the missing part of a cached file and verifies all
// of it.
func (c *Client) completeDownload(ctx context.Context, at attachmentLocation, ext *content.External, k cacheKey, have int64) error {
	w, err := c.attachments.writer(k, have, int64(ext.Size))
	if err != nil {
		return err
	}
	if have < int64(ext.Size) {
		err = c.fetch(ctx, at, ext, w, have)
	}
	if err == nil {
		err = w.Close()
	}
	if errors.Is(err, attach.ErrCorrupt) || err == nil && string(w.sum.Sum(nil)) != string(ext.ContentHash) {
		return errors.Join(attach.ErrCorrupt, c.attachments.drop(k))
	}
	if err != nil {
		return err
	}
	return c.attachments.change(k, func(_ *records.Tx, rec *records.File) error {
		rec.Whole = true
		return nil
	})
}

// forgetFiles lets go of what is kept of a message's files.
func forgetFiles(tx *records.Tx, by records.Use, rec *records.Message) error {
	raw := rec.Whole().Content
	if len(raw) == 0 {
		return nil
	}
	msg, err := content.Decode(raw)
	if err != nil {
		return nil // and it has no files
	}
	for _, a := range msg.View().Attachments {
		if a.External == nil {
			continue
		}
		_, blob, err := records.BlobOf(a.External)
		if err != nil {
			continue
		}
		if err := letGo(tx, keyOfFile(tx.Store, blob), by); err != nil {
			return err
		}
	}
	return nil
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
		if err := letGo(tx, keyOfFile(tx.Store, u.Token.BlobID()), records.Use{CID: c.id, Order: item.Order}); err != nil {
			return err
		}
	}
	return nil
}
