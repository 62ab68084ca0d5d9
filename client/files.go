// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/queries"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
)

// Attach copies a file into the profile, sealed, to be sent with a Draft
// within a week. mediaType may be empty. It works without Files and leaves
// nothing readable on the device.
func (fs Files) Attach(ctx context.Context, name, mediaType string, r io.Reader) (chat.FileID, error) {
	return fs.c.transfers.Attach(ctx, name, mediaType, r)
}

// Detach forgets a file that was attached and not sent.
func (fs Files) Detach(id chat.FileID) error { return fs.c.transfers.Detach(id) }

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
	blob, err := attachments.BlobAt(ext, host)
	if err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(fs.c.ctx, func() { cancel(context.Cause(fs.c.ctx)) })()
	k := attachments.KeyOf(fs.c.store, blob)
	release, err := fs.c.transfers.Cache.Claim(ctx, k)
	if err != nil {
		return nil, 0, err
	}
	defer release()
	by, err := fs.c.attachmentUse(conv, id)
	if err != nil {
		return nil, 0, err
	}
	if err := fs.c.transfers.EnsureCached(ctx, attachments.Location{Host: host, Blob: blob, Name: name, Conv: conv, Msg: id, Index: index}, by, ext, k); err != nil {
		return nil, 0, err
	}
	f, err := fs.c.transfers.Cache.Open(k)
	if err != nil {
		return nil, 0, err
	}
	return f, f.Size, nil
}

// attachmentUse returns the reference by which a message uses a cached file.
func (c *Client) attachmentUse(conv chat.ConversationID, id content.MessageID) (by records.Use, err error) {
	err = c.viewConversation(conv, func(tx *records.Tx, k records.CID, _ *records.Conversation) error {
		order, _, err := queries.NewHistory(c.newViewBuilder(tx), k, conv).Find(id)
		by = records.Use{CID: k, Order: order}
		return err
	})
	return by, err
}

// OpenLocal opens the file of an attachment where it lies on the machine, if
// it still does and is unchanged.
func (c *Client) openLocal(conv chat.ConversationID, id content.MessageID, index int, ext *content.External) io.ReadSeekCloser {
	rec, err := c.messageRecord(conv, id)
	i := slices.IndexFunc(rec.Paths, func(p records.Path) bool { return p.Index == index })
	if err != nil || i < 0 {
		return nil
	}
	return c.transfers.OpenLocal(rec.Paths[i].Path, ext)
}

// Save downloads an attachment into a folder, from where an earlier attempt
// ended, and returns the path. An existing file is never overwritten.
func (fs Files) Save(ctx context.Context, conv chat.ConversationID, id content.MessageID, index int, dir string) (string, error) {
	if fs.c.transfers.Files == nil {
		return "", attachments.ErrNoFiles
	}
	ext, name, err := fs.c.attachment(conv, id, index)
	if err != nil {
		return "", err
	}
	host, err := fs.c.hostOf(conv)
	if err != nil {
		return "", err
	}
	blob, err := attachments.BlobAt(ext, host)
	if err != nil {
		return "", err
	}
	part, err := fs.c.transfers.Files.Part(dir, "."+id.String()[:16]+"-"+fmt.Sprint(index)+".part")
	if err != nil {
		return "", err
	}
	if err := fs.c.transfers.Download(ctx, attachments.Location{Host: host, Blob: blob, Name: name, Conv: conv, Msg: id, Index: index}, ext, part); err != nil {
		return "", err
	}
	path, err := part.Finish(name)
	if err != nil {
		return "", err
	}
	if !utf8.ValidString(path) {
		return "", records.ErrPath
	}
	return path, fs.c.tell(ctx, conv, machine.CommandSaved{Id: id, Index: index, Path: path})
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
		if a.Index == index && a.External != nil && a.External.EncAlg == attachments.EncAlgStream {
			name := a.Name
			if name == "" {
				name = "attachment"
			}
			return a.External, name, nil
		}
	}
	return nil, "", chat.ErrNoMessage
}

// SaveLater notes that files of a received message are still to be saved:
// TakeInbox returns it again, as InboxFiles.
func (fs Files) SaveLater(conv chat.ConversationID, id content.MessageID) error {
	by, err := fs.c.attachmentUse(conv, id)
	if err != nil {
		return err
	}
	return fs.c.store.Update(func(tx *records.Tx) error {
		return records.AppendInbox(tx, records.InboxItem{Version: records.Version, Kind: chat.InboxFiles, CID: by.CID, Order: by.Order})
	})
}

// Files are those that are sent and received with messages.
type Files struct{ c *Client }
