// SPDX-License-Identifier: AGPL-3.0-or-later

package attachments

import (
	"context"
	"crypto/rand"
	"errors"
	"io"

	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// ErrSentBefore is for a file that two messages want: it would tell the server
// that they belong together.
var ErrSentBefore = errors.New("this file was sent already, or waited for too long: attach it again")

// Attach copies a file into the profile.
func (t *Transfers) Attach(ctx context.Context, name, mediaType string, r io.Reader) (chat.FileID, error) {
	rec := records.File{
		Version: records.Version, Name: records.Storable(name), Type: records.Storable(mediaType), Attached: t.Now().Unix(), Used: t.Now().Unix(),
		Secret: attach.NewSecret(),
	}
	if rec.Name == "" {
		rec.Name = "attachment"
	}
	if _, err := rand.Read(rec.Token[:]); err != nil {
		return "", err
	}
	k := KeyOf(t.Store, rec.Token.BlobID())
	release, err := t.Cache.Claim(ctx, k)
	if err != nil {
		return "", err
	}
	defer release()
	if err := t.Store.Update(func(tx *records.Tx) error { return SaveFile(tx, k, &rec) }); err != nil {
		return "", err
	}
	err = t.copyIn(ctx, k, r)
	if err == nil {
		err = t.Cache.makeRoom(0)
	}
	if err != nil {
		return "", errors.Join(err, t.Cache.drop(k))
	}
	return chat.FileIDOf(rec.Token.BlobID()), nil
}

// copyIn writes all of r into a cached file that has only a record.
func (t *Transfers) copyIn(ctx context.Context, k Key, r io.Reader) error {
	w, err := t.Cache.writer(k, 0, 0)
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
	return t.Cache.change(k, func(_ *records.Tx, rec *records.File) error {
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
func (t *Transfers) Detach(id chat.FileID) error {
	blob, err := protocol.ParseBlobID(string(id))
	if err != nil {
		return errNotKept
	}
	return t.Store.Update(func(tx *records.Tx) error {
		k := KeyOf(t.Store, blob)
		rec, err := loadFile(tx, k)
		if err != nil || rec == nil || rec.Attached == 0 {
			return err
		}
		return dropFile(tx, k)
	})
}

// TakeUpload prepares an attached file for sending.
func (t *Transfers) TakeUpload(id chat.FileID) (records.Upload, error) {
	blob, err := protocol.ParseBlobID(string(id))
	if err != nil {
		return records.Upload{}, errNotKept
	}
	rec, err := t.Cache.find(KeyOf(t.Store, blob))
	if err != nil {
		return records.Upload{}, err
	}
	if rec == nil || !rec.Whole || rec.Attached == 0 {
		return records.Upload{}, ErrSentBefore
	}
	return records.Upload{
		Name: rec.Name, Type: rec.Type, Size: rec.Have, Hash: [attach.ContentHash]byte(rec.Hash),
		Secret: rec.Secret, Token: rec.Token, Kept: true,
	}, nil
}

// StillAttached returns ErrSentBefore for files that are not there to be sent any
// more, or that are to be sent twice.
func StillAttached(tx *records.Tx, uploads []records.Upload) error {
	seen := map[protocol.UploadToken]bool{}
	for _, u := range uploads {
		if !u.Kept {
			continue
		}
		rec, err := loadFile(tx, KeyOf(tx.Store, u.Token.BlobID()))
		if err != nil {
			return err
		}
		if rec == nil || rec.Attached == 0 || seen[u.Token] {
			return ErrSentBefore
		}
		seen[u.Token] = true
	}
	return nil
}

// SendKept takes a file that is still attached into a message.
func SendKept(tx *records.Tx, u records.Upload, by records.Use) error {
	k := KeyOf(tx.Store, u.Token.BlobID())
	rec, err := loadFile(tx, k)
	if err != nil || rec == nil {
		return err
	}
	rec.Attached, rec.Uses = 0, []records.Use{by}
	return SaveFile(tx, k, rec)
}

// OpenLocal opens a file of the machine if it is there and is what an attachment
// was.
func (t *Transfers) OpenLocal(path string, ext *content.External) io.ReadSeekCloser {
	if t.Files == nil {
		return nil
	}
	f, err := t.Files.Open(path)
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

// ForgetFiles lets go of what is kept of a message's files.
func ForgetFiles(tx *records.Tx, by records.Use, rec *records.Message) error {
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
		if err := LetGo(tx, KeyOf(tx.Store, blob), by); err != nil {
			return err
		}
	}
	return nil
}
