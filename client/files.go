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
	"net/url"
	"os"
	"path/filepath"
	"strings"
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
	f, err := os.Open(abs)
	if err != nil {
		return uploadRecord{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return uploadRecord{}, err
	}
	if !info.Mode().IsRegular() {
		return uploadRecord{}, fmt.Errorf("%s is not a file", path)
	}
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
	defer f.Close()
	size, hash, err := hashOf(f)
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
	src, err := attach.NewEncrypter(keys, f, u.Size, offset)
	if err != nil {
		return err
	}
	return blobs.Append(ctx, u.Token, offset, c.meter(src, u.Name, offset, total))
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
	blobs := c.config.Transport.Blobs(host)
	offset, err := blobs.Create(ctx, token, int64(len(box)), protocol.DefaultExpiry)
	if err != nil || offset == int64(len(box)) {
		return err
	}
	return blobs.Append(ctx, token, offset, bytes.NewReader(box[offset:]))
}

// maxStash bounds what is fetched into memory: a commit or a tree.
const maxStash = 64 << 20

func (c *Client) fetchStash(ctx context.Context, host string, s envelope.Stash) ([]byte, error) {
	if s.Size < 0 || s.Size > maxStash {
		return nil, fmt.Errorf("%w: stash", protocol.ErrMalformed)
	}
	body, err := c.config.Transport.Blobs(host).Fetch(ctx, s.Blob, 0)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	plain, err := attach.Open(attach.Keys{Key: s.Key, Nonce: s.Nonce}, body, s.Size, s.Hash)
	if err != nil && !errors.Is(err, attach.ErrCorrupt) {
		return nil, offline(err)
	}
	return plain, err
}

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
	part := filepath.Join(dir, "."+id.String()[:16]+"-"+fmt.Sprint(index)+".part")
	if err := c.download(ctx, ext, name, part); err != nil {
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
func (c *Client) download(ctx context.Context, ext *content.External, name, part string) error {
	host, blob, err := blobOf(ext)
	if err != nil {
		return err
	}
	size := int64(ext.Size)
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
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
		defer body.Close()
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

func seek(f *os.File, to int64) error {
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
