// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"path"
	"time"
	"unicode/utf8"

	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// encAlgStream is the AEAD number, of the private-use range, of package
// attach's construction.
const encAlgStream = content.AEADPrivateUse + 1

// progressStep is how many bytes lie between two ProgressEvents.
const progressStep = 1 << 20

// errNoFiles is for programs without a file system.
var errNoFiles = errors.New("this program does not reach the files of the machine: attach and open files within it")

// prepareUpload reads a file once to hash it.
func (c *Client) prepareUpload(file string) (records.Upload, error) {
	if c.config.Files == nil {
		return records.Upload{}, errNoFiles
	}
	f, err := c.config.Files.Open(file)
	if err != nil {
		return records.Upload{}, err
	}
	defer func() { _ = f.Close() }()
	if !utf8.ValidString(f.Path) {
		return records.Upload{}, records.ErrPath
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return records.Upload{}, err
	}
	if size > attach.MaxSize {
		return records.Upload{}, attach.ErrTooLarge
	}
	if err := seek(f, 0); err != nil {
		return records.Upload{}, err
	}
	u := records.Upload{Path: f.Path, Name: f.Name, Secret: attach.NewSecret()}
	if u.Size, u.Hash, err = hashOf(f); err != nil {
		return records.Upload{}, err
	}
	_, err = rand.Read(u.Token[:])
	return u, err
}

func hashOf(r io.Reader) (size int64, sum [sha256.Size]byte, err error) {
	h := sha256.New()
	size, err = io.Copy(h, r)
	return size, [sha256.Size]byte(h.Sum(nil)), err
}

// externalPart returns the MIMI part that tells the receiver where the file is.
func externalPart(u records.Upload, host string, expires time.Time) (content.External, error) {
	keys, err := attach.DeriveKeys(u.Secret, u.Hash)
	if err != nil {
		return content.External{}, err
	}
	kind := u.Type
	if kind == "" {
		kind = mime.TypeByExtension(path.Ext(u.Name))
	}
	if kind == "" {
		kind = "application/octet-stream"
	}
	return content.External{
		ContentType: kind, URL: "https://" + host + protocol.BlobPath + "/" + u.Token.BlobID().String(),
		Expires: uint32(expires.Unix()), Size: uint64(u.Size), EncAlg: encAlgStream,
		Key: keys.Key[:], Nonce: keys.Nonce[:], HashAlg: content.HashSHA256, ContentHash: u.Hash[:], Filename: u.Name,
	}, nil
}

// upload brings a file to the server, from where an earlier attempt ended.
func (c *Client) upload(ctx context.Context, host string, e doUpload) error {
	u := e.upload
	f, err := c.attached(u)
	if err != nil {
		return fmt.Errorf("the attached file cannot be read any more (%w): attach it again", err)
	}
	defer func() { _ = f.Close() }()
	ctx, src, stop := unstalled(ctx, f)
	defer stop()
	if !u.Kept { // the keys belong to what the file held
		size, hash, err := hashOf(src)
		if err != nil {
			return err
		}
		if size != u.Size || hash != u.Hash {
			return chat.ErrChanged
		}
	}
	keys, err := attach.DeriveKeys(u.Secret, u.Hash)
	if err != nil {
		return err
	}
	total := attach.SealedSize(u.Size)
	blobs := c.config.Transport.Blobs(host)
	offset, err := blobs.Create(ctx, u.Token, total, blobExpiry(e.expire))
	if err != nil || offset == total {
		return err
	}
	box, err := attach.NewEncrypter(keys, src, u.Size, offset)
	if err != nil {
		return err
	}
	progress := e.progress
	progress.File, progress.Name, progress.Done, progress.Total = chat.FileIDOf(u.Token.BlobID()), u.Name, offset, total
	return gone(blobs.Append(ctx, u.Token, offset, c.meter(box, progress)))
}

// attached opens a file that waits to be sent.
func (c *Client) attached(u records.Upload) (io.ReadSeekCloser, error) {
	if u.Kept {
		f, err := c.attachments.open(keyOfFile(c.store, u.Token.BlobID()))
		if err != nil {
			return nil, err
		}
		return f, nil
	}
	if c.config.Files == nil {
		return nil, errNoFiles
	}
	return c.config.Files.Open(u.Path)
}

func blobExpiry(expire time.Duration) time.Duration {
	if expire <= 0 {
		return protocol.DefaultExpiry
	}
	return min(expire, protocol.DefaultExpiry)
}

// meter tells the progress of what is read.
func (c *Client) meter(r io.Reader, begin chat.ProgressEvent) io.Reader {
	if c.config.OnEvent == nil {
		return r
	}
	return &meter{r: r, emit: c.emit, event: begin}
}

type meter struct {
	r     io.Reader
	emit  func(chat.Event)
	event chat.ProgressEvent
	told  int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.event.Done += int64(n)
	if m.event.Done-m.told >= progressStep || m.event.Done == m.event.Total && m.told != m.event.Total {
		m.told = m.event.Done
		m.emit(m.event)
	}
	return n, err
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
			if err := sendKept(tx, uploads[i], records.Use{CID: c.id, Order: order}); err != nil {
				return err
			}
		default:
			rec.Paths = append(rec.Paths, records.Path{Index: a.Index, Path: uploads[i].Path})
		}
	}
	return c.saveMessage(tx, order, &rec, false)
}

// uploadStash brings something short to the server.
func (c *Client) uploadStash(ctx context.Context, host string, token protocol.UploadToken, box []byte) error {
	ctx, src, stop := unstalled(ctx, bytes.NewReader(box))
	defer stop()
	blobs := c.config.Transport.Blobs(host)
	offset, err := blobs.Create(ctx, token, int64(len(box)), protocol.DefaultExpiry)
	if err != nil || offset == int64(len(box)) {
		return err
	}
	if err := seek(src, offset); err != nil {
		return err
	}
	return gone(blobs.Append(ctx, token, offset, src))
}

// maxStash bounds what is fetched into memory: a commit or a tree.
const maxStash = 64 << 20

// A downloadNotStarted is the cause of a download that delivered no bytes.
type downloadNotStarted struct{ error }

func (n downloadNotStarted) Unwrap() error { return n.error }

// fetchStash downloads and decrypts a stash.
func (c *Client) fetchStash(ctx context.Context, host string, s envelope.Stash) ([]byte, error) {
	if s.Size < 0 || s.Size > maxStash {
		return nil, fmt.Errorf("%w: stash", protocol.ErrMalformed)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, stashTime, errStalled)
	defer cancel()
	ctx, watch, stop := unstalled(ctx, nil)
	defer stop()
	body, err := c.config.Transport.Blobs(host).Fetch(ctx, s.Blob, 0)
	if err != nil {
		return nil, downloadNotStarted{gone(err)}
	}
	defer func() { _ = body.Close() }()
	plain, err := attach.Open(attach.Keys{Key: s.Key, Nonce: s.Nonce}, watch.of(body), s.Size, s.Hash)
	if err != nil && !errors.Is(err, attach.ErrCorrupt) {
		return nil, link.Offline(err)
	}
	return plain, err
}
