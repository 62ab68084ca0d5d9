// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"os"
	"path/filepath"
	"time"

	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// encAlgStream is the AEAD number, of the private-use range, of package
// attach's construction.
const encAlgStream = content.AEADPrivateUse + 1

// progressStep is how many bytes lie between two ProgressEvents.
const progressStep = 1 << 20

// ErrChanged means that a file changed between being attached and sent.
var ErrChanged = errors.New("the file changed after it was attached; attach it again")

// prepareUpload reads a file once to hash it.
func prepareUpload(path string) (uploadRecord, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return uploadRecord{}, err
	}
	info, err := os.Stat(abs) // before it is opened: opening a pipe waits
	if err != nil {
		return uploadRecord{}, err
	}
	if !info.Mode().IsRegular() {
		return uploadRecord{}, fmt.Errorf("%s is not a file", path)
	}
	f, err := os.Open(abs)
	if err != nil {
		return uploadRecord{}, err
	}
	defer func() { _ = f.Close() }()
	if info.Size() > attach.MaxSize {
		return uploadRecord{}, attach.ErrTooLarge
	}
	u := uploadRecord{Path: abs, Name: filepath.Base(abs), Secret: attach.NewSecret()}
	if u.Size, u.Hash, err = hashOf(f); err != nil {
		return uploadRecord{}, err
	}
	_, err = io.ReadFull(random, u.Token[:])
	return u, err
}

func hashOf(r io.Reader) (size int64, sum [sha256.Size]byte, err error) {
	h := sha256.New()
	size, err = io.Copy(h, r)
	return size, [sha256.Size]byte(h.Sum(nil)), err
}

// part returns the MIMI part that tells the receiver where the file is.
func (u uploadRecord) part(host string, expires time.Time) (content.External, error) {
	keys, err := attach.DeriveKeys(u.Secret, u.Hash)
	if err != nil {
		return content.External{}, err
	}
	kind := mime.TypeByExtension(filepath.Ext(u.Name))
	if kind == "" {
		kind = "application/octet-stream"
	}
	return content.External{
		ContentType: kind, URL: "https://" + host + protocol.BlobPath + "/" + u.Token.BlobID().String(),
		Expires: uint32(expires.Unix()), Size: uint64(u.Size), EncAlg: encAlgStream,
		Key: keys.Key[:], Nonce: keys.Nonce[:], HashAlg: content.HashSHA256, ContentHash: u.Hash[:], Filename: u.Name,
	}, nil
}

// upload brings a file to the server, from where an earlier attempt ended. The
// file is hashed again first: the keys belong to what it held.
func (c *Client) upload(ctx context.Context, host string, u uploadRecord, expire time.Duration) error {
	f, err := os.Open(u.Path)
	if err != nil {
		return fmt.Errorf("the attached file cannot be read any more: %w", err)
	}
	defer func() { _ = f.Close() }()
	ctx, src, stop := unstalled(ctx, f)
	defer stop()
	size, hash, err := hashOf(src)
	if err != nil {
		return err
	}
	if size != u.Size || hash != u.Hash {
		return ErrChanged
	}
	keys, err := attach.DeriveKeys(u.Secret, u.Hash)
	if err != nil {
		return err
	}
	total := attach.SealedSize(u.Size)
	blobs := c.config.Transport.Blobs(host)
	offset, err := blobs.Create(ctx, u.Token, total, blobExpiry(expire))
	if err != nil || offset == total {
		return err
	}
	box, err := attach.NewEncrypter(keys, src, u.Size, offset)
	if err != nil {
		return err
	}
	return blobs.Append(ctx, u.Token, offset, c.meter(box, u.Name, offset, total))
}

func blobExpiry(expire time.Duration) time.Duration {
	if expire <= 0 {
		return protocol.DefaultExpiry
	}
	return min(expire, protocol.DefaultExpiry)
}

// meter tells the progress of what is read.
func (c *Client) meter(r io.Reader, name string, done, total int64) io.Reader {
	if c.config.OnEvent == nil {
		return r
	}
	return &meter{r: r, emit: c.emit, event: ProgressEvent{name, done, total}}
}

type meter struct {
	r     io.Reader
	emit  func(Event)
	event ProgressEvent
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
	return blobs.Append(ctx, token, offset, src)
}

// maxStash bounds what is fetched into memory: a commit or a tree.
const maxStash = 64 << 20

func (c *Client) fetchStash(ctx context.Context, host string, s envelope.Stash) ([]byte, error) {
	if s.Size < 0 || s.Size > maxStash {
		return nil, fmt.Errorf("%w: stash", protocol.ErrMalformed)
	}
	ctx, _, stop := unstalledFor(ctx, nil, stashTime)
	defer stop()
	body, err := c.config.Transport.Blobs(host).Fetch(ctx, s.Blob, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	plain, err := attach.Open(attach.Keys{Key: s.Key, Nonce: s.Nonce}, body, s.Size, s.Hash)
	if err != nil && !errors.Is(err, attach.ErrCorrupt) {
		return nil, offline(err)
	}
	return plain, err
}
