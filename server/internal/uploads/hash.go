// SPDX-License-Identifier: AGPL-3.0-or-later

package uploads

import (
	"context"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"io"
)

// contentHash is the SHA-256 of a blob's content up to some offset.
type contentHash struct {
	hash.Hash
	at uint64
}

// resumeHash returns the hash at a row's offset, or at 0 if the row does not have
// it: an upload began before servers kept it.
func resumeHash(row *Row) *contentHash {
	h := &contentHash{Hash: sha256.New()}
	if len(row.HashState) == 0 {
		return h
	}
	if h.Hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(row.HashState) != nil {
		h.Reset() // the state of another version of the library
		return h
	}
	h.at = row.Offset
	return h
}

// add continues the hash with bytes that follow.
func (h *contentHash) add(b []byte) {
	_, _ = h.Write(b) // never fails
	h.at += uint64(len(b))
}

// hashContent brings a row's hash to its offset. sum has the bytes that were
// received; where those are not the ones that were stored, the content is read.
// before is the row as it was.
func (u *Handler) hashContent(ctx context.Context, before, row *Row, sum *contentHash) error {
	if sum.at != row.Offset {
		sum = resumeHash(before)
		if err := u.readInto(ctx, sum, row); err != nil {
			return err
		}
	}
	row.Hash, row.HashState = nil, nil
	if row.Complete() {
		row.Hash = sum.Sum(nil)
		return nil
	}
	state, err := sum.Hash.(encoding.BinaryMarshaler).MarshalBinary()
	row.HashState = state
	return err
}

func (u *Handler) readInto(ctx context.Context, sum *contentHash, row *Row) (err error) {
	content, err := u.Content.Open(ctx, row.Blob)
	if err != nil {
		return fmt.Errorf("server: reading what was received: %w", err)
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	if _, err := content.Seek(int64(sum.at), io.SeekStart); err != nil {
		return fmt.Errorf("server: reading what was received: %w", err)
	}
	n, err := io.CopyN(sum, content, int64(row.Offset-sum.at))
	sum.at += uint64(n)
	if err != nil {
		return fmt.Errorf("server: reading what was received: %w", err)
	}
	return nil
}
