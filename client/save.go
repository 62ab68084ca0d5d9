// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// Save downloads an attachment into a folder, from where an earlier attempt
// ended, and returns the path. An existing file is never overwritten.
func (c *Client) Save(ctx context.Context, conv ConversationID, id content.MessageID, index int, dir string) (string, error) {
	ext, name, err := c.attachment(conv, id, index)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	host, err := c.hostOf(conv)
	if err != nil {
		return "", err
	}
	part := filepath.Join(dir, "."+id.String()[:16]+"-"+fmt.Sprint(index)+".part")
	if err := c.download(ctx, ext, host, name, part); err != nil {
		return "", err
	}
	path, err := place(part, dir, name)
	if err != nil {
		return "", err
	}
	return path, c.tell(ctx, conv, commandSaved{id, index, path})
}

func (c *Client) attachment(conv ConversationID, id content.MessageID, index int) (*content.External, string, error) {
	rec, err := c.messageRecord(conv, id)
	if err != nil {
		return nil, "", err
	}
	msg, err := content.Decode(rec.Content)
	if err != nil {
		return nil, "", ErrNoMessage
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
	return nil, "", ErrNoMessage
}

// download decrypts an attachment into the file part, which may hold the
// beginning of it already.
func (c *Client) download(ctx context.Context, ext *content.External, host, name, part string) error {
	at, blob, err := blobOf(ext)
	if err != nil {
		return err
	}
	if at != host { // whose server would learn the address of this machine
		return fmt.Errorf("the attachment lies at %s, not on the conversation's own server", at)
	}
	size := int64(ext.Size)
	f, err := openPart(part)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	keep, offset := attach.Resume(min(info.Size(), size))
	if err := errors.Join(f.Truncate(keep), seek(f, keep)); err != nil {
		return err
	}
	if offset < attach.SealedSize(size) {
		body, err := c.config.Transport.Blobs(host).Fetch(ctx, blob, offset)
		if err != nil {
			return err
		}
		defer func() { _ = body.Close() }()
		keys := attach.Keys{Key: [attach.KeySize]byte(ext.Key), Nonce: [attach.NonceSize]byte(ext.Nonce)}
		src := c.meter(body, name, offset, attach.SealedSize(size))
		if err := attach.Decrypt(keys, f, src, size, keep); err != nil {
			return err
		}
	}
	if err := seek(f, 0); err != nil {
		return err
	}
	_, sum, err := hashOf(f)
	if err != nil {
		return err
	}
	if string(sum[:]) != string(ext.ContentHash) {
		return errors.Join(attach.ErrCorrupt, os.Remove(part))
	}
	return f.Sync()
}

// openPart opens or creates the file that a download goes to. It follows no
// link that somebody else may have put there.
func openPart(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is in the way", path)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	now, err := f.Stat()
	if err == nil && !os.SameFile(info, now) {
		err = fmt.Errorf("%s was replaced", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func seek(f io.Seeker, to int64) error {
	_, err := f.Seek(to, io.SeekStart)
	return err
}

// blobOf checks an external part and returns where it is.
func blobOf(ext *content.External) (host string, id protocol.BlobID, err error) {
	u, err := url.Parse(ext.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return "", id, fmt.Errorf("%w: attachment", protocol.ErrMalformed)
	}
	id, err = protocol.ParseBlobID(strings.TrimPrefix(u.Path, protocol.BlobPath+"/"))
	if err == nil && (len(ext.Key) != attach.KeySize || len(ext.Nonce) != attach.NonceSize || ext.Size > attach.MaxSize) {
		err = fmt.Errorf("%w: attachment", protocol.ErrMalformed)
	}
	return u.Host, id, err
}

// place gives a finished file its name in dir, with a number before the
// extension if the name is taken.
func place(part, dir, name string) (string, error) {
	ext := filepath.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	for i := 1; i < 10000; i++ {
		path := filepath.Join(dir, name)
		if i > 1 {
			path = filepath.Join(dir, fmt.Sprintf("%s (%d)%s", stem, i, ext))
		}
		err := os.Link(part, path)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil { // a file system without hard links
			if _, serr := os.Lstat(path); serr == nil {
				continue
			}
			return path, os.Rename(part, path)
		}
		return path, os.Remove(part)
	}
	return "", fmt.Errorf("there are too many files called %s", name)
}
