// SPDX-License-Identifier: AGPL-3.0-or-later

package attachments

import (
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
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// EncAlgStream is the AEAD number, of the private-use range, of package
// attach's construction.
const EncAlgStream = content.AEADPrivateUse + 1

// progressStep is how many bytes lie between two ProgressEvents.
const progressStep = 1 << 20

// ErrNoFiles is for programs without a file system.
var ErrNoFiles = errors.New("this program does not reach the files of the machine: attach and open files within it")

// PrepareUpload reads a file once to hash it.
func (t *Transfers) PrepareUpload(file string) (records.Upload, error) {
	if t.Files == nil {
		return records.Upload{}, ErrNoFiles
	}
	f, err := t.Files.Open(file)
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

// ExternalPart returns the MIMI part that tells the receiver where the file is.
func ExternalPart(u records.Upload, host string, expires time.Time) (content.External, error) {
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
		Expires: uint32(expires.Unix()), Size: uint64(u.Size), EncAlg: EncAlgStream,
		Key: keys.Key[:], Nonce: keys.Nonce[:], HashAlg: content.HashSHA256, ContentHash: u.Hash[:], Filename: u.Name,
	}, nil
}

// Upload brings a file to the server, from where an earlier attempt ended.
func (t *Transfers) Upload(ctx context.Context, host string, u records.Upload, expire time.Duration, progress chat.ProgressEvent) error {
	f, err := t.attached(u)
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
	blobs := t.Transport.Blobs(host)
	offset, err := blobs.Create(ctx, u.Token, total, BlobExpiry(expire))
	if err != nil || offset == total {
		return err
	}
	box, err := attach.NewEncrypter(keys, src, u.Size, offset)
	if err != nil {
		return err
	}
	progress.File, progress.Name, progress.Done, progress.Total = chat.FileIDOf(u.Token.BlobID()), u.Name, offset, total
	return gone(blobs.Append(ctx, u.Token, offset, t.meter(box, progress)))
}

// attached opens a file that waits to be sent.
func (t *Transfers) attached(u records.Upload) (io.ReadSeekCloser, error) {
	if u.Kept {
		f, err := t.Cache.Open(KeyOf(t.Store, u.Token.BlobID()))
		if err != nil {
			return nil, err
		}
		return f, nil
	}
	if t.Files == nil {
		return nil, ErrNoFiles
	}
	return t.Files.Open(u.Path)
}

// BlobExpiry returns for how long a server is to keep the file of a message that
// disappears after a time, 0 for never.
func BlobExpiry(expire time.Duration) time.Duration {
	if expire <= 0 {
		return protocol.DefaultExpiry
	}
	return min(expire, protocol.DefaultExpiry)
}

// meter tells the progress of what is read.
func (t *Transfers) meter(r io.Reader, begin chat.ProgressEvent) io.Reader {
	if t.Tell == nil {
		return r
	}
	return &meter{r: r, emit: t.Tell, event: begin}
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
