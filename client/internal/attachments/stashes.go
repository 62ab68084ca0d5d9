// SPDX-License-Identifier: AGPL-3.0-or-later

package attachments

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// NewStash encrypts something for a blob.
func NewStash(plain []byte) (*records.Stash, error) {
	s := &records.Stash{}
	if _, err := rand.Read(s.Token[:]); err != nil {
		return nil, err
	}
	hash := sha256.Sum256(plain)
	keys, err := attach.DeriveKeys(attach.NewSecret(), hash)
	if err != nil {
		return nil, err
	}
	box, err := attach.Seal(keys, plain)
	if err != nil {
		return nil, err
	}
	s.Box = box
	s.Ref = envelope.Stash{Blob: s.Token.BlobID(), Size: int64(len(plain)), Key: keys.Key, Nonce: keys.Nonce, Hash: hash}
	return s, nil
}

// UploadStash brings something short to the server.
func (t *Transfers) UploadStash(ctx context.Context, host string, token protocol.UploadToken, box []byte) error {
	ctx, src, stop := unstalled(ctx, bytes.NewReader(box))
	defer stop()
	blobs := t.Transport.Blobs(host)
	offset, err := blobs.Create(ctx, token, int64(len(box)), protocol.DefaultExpiry)
	if err != nil || offset == int64(len(box)) {
		return err
	}
	if err := seek(src, offset); err != nil {
		return err
	}
	return gone(blobs.Append(ctx, token, offset, src))
}

// MaxStash bounds what is fetched into memory: a commit or a tree.
const MaxStash = 64 << 20

// A DownloadNotStarted is the cause of a download that delivered no bytes.
type DownloadNotStarted struct{ error }

// Unwrap returns what went wrong.
func (n DownloadNotStarted) Unwrap() error { return n.error }

// FetchStash downloads and decrypts a stash.
func (t *Transfers) FetchStash(ctx context.Context, host string, s envelope.Stash) ([]byte, error) {
	if s.Size < 0 || s.Size > MaxStash {
		return nil, fmt.Errorf("%w: stash", protocol.ErrMalformed)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, stashTime, errStalled)
	defer cancel()
	ctx, watch, stop := unstalled(ctx, nil)
	defer stop()
	body, err := t.Transport.Blobs(host).Fetch(ctx, s.Blob, 0)
	if err != nil {
		return nil, DownloadNotStarted{gone(err)}
	}
	defer func() { _ = body.Close() }()
	plain, err := attach.Open(attach.Keys{Key: s.Key, Nonce: s.Nonce}, watch.of(body), s.Size, s.Hash)
	if err != nil && !errors.Is(err, attach.ErrCorrupt) {
		return nil, link.Offline(err)
	}
	return plain, err
}
