// SPDX-License-Identifier: AGPL-3.0-or-later

package attachments

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// EnsureCached downloads an attachment unless the cache has it.
func (t *Transfers) EnsureCached(ctx context.Context, at Location, by records.Use, ext *content.External, k Key) error {
	rec, err := t.Cache.find(k)
	if err != nil {
		return err
	}
	if rec != nil && string(rec.Hash) != string(ext.ContentHash) {
		if rec.Whole { // another message has the same place for another file
			return attach.ErrCorrupt
		}
		if err := t.Cache.drop(k); err != nil {
			return err
		}
		rec = nil
	}
	if rec == nil {
		rec = &records.File{Version: records.Version, Hash: ext.ContentHash}
		err = t.Cache.add(k, rec, by)
	} else {
		err = t.Cache.touch(k, rec, by)
	}
	if err != nil || rec.Whole {
		return err
	}
	err = t.completeDownload(ctx, at, ext, k, rec.Have)
	if errors.Is(err, backend.ErrFull) { // what came so far would leave no room for anything else
		err = errors.Join(err, t.Cache.drop(k))
	}
	return err
}

// completeDownload downloads the missing part of a cached file and verifies all
// of it.
func (t *Transfers) completeDownload(ctx context.Context, at Location, ext *content.External, k Key, have int64) error {
	w, err := t.Cache.writer(k, have, int64(ext.Size))
	if err != nil {
		return err
	}
	if have < int64(ext.Size) {
		err = t.fetch(ctx, at, ext, w, have)
	}
	if err == nil {
		err = w.Close()
	}
	if errors.Is(err, attach.ErrCorrupt) || err == nil && string(w.sum.Sum(nil)) != string(ext.ContentHash) {
		return errors.Join(attach.ErrCorrupt, t.Cache.drop(k))
	}
	if err != nil {
		return err
	}
	return t.Cache.change(k, func(_ *records.Tx, rec *records.File) error {
		rec.Whole = true
		return nil
	})
}

// An Location says where the blob of an attachment is stored, and to
// which message it belongs.
type Location struct {
	Host string
	Blob protocol.BlobID
	Name string
	// What it is an attachment of.
	Conv  chat.ConversationID
	Msg   content.MessageID
	Index int
}

// Download decrypts an attachment into part, which may hold the beginning of
// it already. If it fails, part is closed. Its file stays if the download was
// interrupted, so that the next one goes on from there; otherwise, as when the
// file is damaged or the disk is full, nothing is left.
func (t *Transfers) Download(ctx context.Context, at Location, ext *content.External, part backend.Part) error {
	ok, err := t.fill(ctx, at, ext, part)
	if err == nil && ok {
		return nil
	}
	if err == nil {
		err = attach.ErrCorrupt
	}
	have, lost := part.Seek(0, io.SeekEnd)
	if lost != nil || have == 0 || errors.Is(err, attach.ErrCorrupt) || errors.As(err, new(unwritten)) {
		return errors.Join(err, part.Discard())
	}
	return errors.Join(err, part.Close())
}

// unwritten is why a part could not be written.
type unwritten struct{ error }

func (u unwritten) Unwrap() error { return u.error }

// A sink is a Writer that says which errors are its own.
type sink struct{ io.Writer }

// Write implements io.Writer.
func (s sink) Write(p []byte) (int, error) {
	n, err := s.Writer.Write(p)
	if err != nil {
		err = unwritten{err}
	}
	return n, err
}

// fill downloads what part lacks and reports whether it then holds what the
// sender attached.
func (t *Transfers) fill(ctx context.Context, at Location, ext *content.External, part backend.Part) (bool, error) {
	have, err := part.Seek(0, io.SeekEnd)
	if err != nil {
		return false, err
	}
	keep, _ := attach.Resume(min(have, int64(ext.Size)))
	if err := errors.Join(part.Truncate(keep), seek(part, keep)); err != nil {
		return false, err
	}
	if err := t.fetch(ctx, at, ext, sink{part}, keep); err != nil {
		return false, err
	}
	if err := seek(part, 0); err != nil {
		return false, err
	}
	_, sum, err := hashOf(part)
	return string(sum[:]) == string(ext.ContentHash), err
}

// fetch downloads and decrypts an attachment from keep on, where attach.Resume
// lets it begin.
func (t *Transfers) fetch(ctx context.Context, at Location, ext *content.External, to io.Writer, keep int64) error {
	size := int64(ext.Size)
	_, offset := attach.Resume(keep)
	if offset >= attach.SealedSize(size) {
		return nil
	}
	ctx, stall, stop := unstalled(ctx, nil)
	defer stop()
	body, err := t.Transport.Blobs(at.Host).Fetch(ctx, at.Blob, offset)
	if err != nil {
		return gone(err)
	}
	defer func() { _ = body.Close() }()
	defer context.AfterFunc(ctx, func() { _ = body.Close() })() // ends a read that waits
	keys := attach.Keys{Key: [attach.KeySize]byte(ext.Key), Nonce: [attach.NonceSize]byte(ext.Nonce)}
	src := t.meter(stall.of(body), chat.ProgressEvent{
		Conversation: at.Conv, Message: at.Msg, Index: at.Index,
		File: chat.FileIDOf(at.Blob), Name: at.Name, Done: offset, Total: attach.SealedSize(size),
	})
	return attach.Decrypt(keys, to, src, size, keep)
}

// gone is a server's refusal of a blob that it does not have, which otherwise
// reads as if there were no such account.
func gone(err error) error {
	if errors.Is(err, &protocol.Error{Code: protocol.CodeNotFound}) {
		return chat.ErrFileGone
	}
	return err
}

// BlobAt returns which blob of the conversation's server an attachment is. One
// that lies elsewhere is not touched: that server would learn the address of
// this machine.
func BlobAt(ext *content.External, host string) (protocol.BlobID, error) {
	at, blob, err := records.BlobOf(ext)
	if err == nil && at != host {
		err = fmt.Errorf("%w (it lies at %q)", chat.ErrElsewhere, at)
	}
	return blob, err
}

func seek(f io.Seeker, to int64) error {
	_, err := f.Seek(to, io.SeekStart)
	return err
}
