// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// Save downloads an attachment into a folder, from where an earlier attempt
// ended, and returns the path. An existing file is never overwritten.
func (fs Files) Save(ctx context.Context, conv chat.ConversationID, id content.MessageID, index int, dir string) (string, error) {
	if fs.c.config.Files == nil {
		return "", errNoFiles
	}
	ext, name, err := fs.c.attachment(conv, id, index)
	if err != nil {
		return "", err
	}
	host, err := fs.c.hostOf(conv)
	if err != nil {
		return "", err
	}
	blob, err := blobAt(ext, host)
	if err != nil {
		return "", err
	}
	part, err := fs.c.config.Files.Part(dir, "."+id.String()[:16]+"-"+fmt.Sprint(index)+".part")
	if err != nil {
		return "", err
	}
	if err := fs.c.download(ctx, attachmentLocation{host, blob, name, conv, id, index}, ext, part); err != nil {
		return "", err
	}
	path, err := part.Finish(name)
	if err != nil {
		return "", err
	}
	if !utf8.ValidString(path) {
		return "", records.ErrPath
	}
	return path, fs.c.tell(ctx, conv, commandSaved{id, index, path})
}

func (c *Client) attachment(conv chat.ConversationID, id content.MessageID, index int) (*content.External, string, error) {
	rec, err := c.messageRecord(conv, id)
	if err != nil {
		return nil, "", err
	}
	msg, err := content.Decode(rec.Content)
	if err != nil {
		return nil, "", chat.ErrNoMessage
	}
	for _, a := range msg.View().Attachments {
		if a.Index == index && a.External != nil && a.External.EncAlg == encAlgStream {
			name := a.Name
			if name == "" {
				name = "attachment"
			}
			return a.External, name, nil
		}
	}
	return nil, "", chat.ErrNoMessage
}

// An attachmentLocation says where the blob of an attachment is stored, and to
// which message it belongs.
type attachmentLocation struct {
	host string
	blob protocol.BlobID
	name string
	// What it is an attachment of.
	conv  chat.ConversationID
	msg   content.MessageID
	index int
}

// download decrypts an attachment into part, which may hold the beginning of
// it already. If it fails, part is closed. Its file stays if the download was
// interrupted, so that the next one goes on from there; otherwise, as when the
// file is damaged or the disk is full, nothing is left.
func (c *Client) download(ctx context.Context, at attachmentLocation, ext *content.External, part backend.Part) error {
	ok, err := c.fill(ctx, at, ext, part)
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
func (c *Client) fill(ctx context.Context, at attachmentLocation, ext *content.External, part backend.Part) (bool, error) {
	have, err := part.Seek(0, io.SeekEnd)
	if err != nil {
		return false, err
	}
	keep, _ := attach.Resume(min(have, int64(ext.Size)))
	if err := errors.Join(part.Truncate(keep), seek(part, keep)); err != nil {
		return false, err
	}
	if err := c.fetch(ctx, at, ext, sink{part}, keep); err != nil {
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
func (c *Client) fetch(ctx context.Context, at attachmentLocation, ext *content.External, to io.Writer, keep int64) error {
	size := int64(ext.Size)
	_, offset := attach.Resume(keep)
	if offset >= attach.SealedSize(size) {
		return nil
	}
	ctx, stall, stop := unstalled(ctx, nil)
	defer stop()
	body, err := c.config.Transport.Blobs(at.host).Fetch(ctx, at.blob, offset)
	if err != nil {
		return gone(err)
	}
	defer func() { _ = body.Close() }()
	defer context.AfterFunc(ctx, func() { _ = body.Close() })() // ends a read that waits
	keys := attach.Keys{Key: [attach.KeySize]byte(ext.Key), Nonce: [attach.NonceSize]byte(ext.Nonce)}
	src := c.meter(stall.of(body), chat.ProgressEvent{
		Conversation: at.conv, Message: at.msg, Index: at.index,
		File: chat.FileIDOf(at.blob), Name: at.name, Done: offset, Total: attach.SealedSize(size),
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

// blobAt returns which blob of the conversation's server an attachment is. One
// that lies elsewhere is not touched: that server would learn the address of
// this machine.
func blobAt(ext *content.External, host string) (protocol.BlobID, error) {
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
