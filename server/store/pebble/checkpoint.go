// SPDX-License-Identifier: AGPL-3.0-or-later

package pebble

import (
	"context"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
)

// Checkpoint makes a copy of the store as it is now in dir, which must not exist:
// links to the files that do not change any more, where dir is on the same disk.
// Transactions go on meanwhile.
func (s *Store) Checkpoint(dir string) error {
	return wrap(s.db.Checkpoint(dir, pebble.WithFlushedWAL()))
}

// EachBlob calls fn with the row of each blob, and with a row for each content of
// vaults: it is kept as blobs are.
func (s *Store) EachBlob(ctx context.Context, fn func(server.BlobRow) error) error {
	t := &tx{r: s.db, usage: &s.usage}
	for _, prefix := range []byte{prefixVaultObject, prefixVaultDeletion} {
		err := t.scanPrefix([]byte{prefix}, func(k, v []byte) error {
			row, err := vaultContent(k, v)
			if err != nil {
				return err
			}
			return errors.Join(ctx.Err(), fn(row))
		})
		if err != nil {
			return err
		}
	}
	return t.scanPrefix([]byte{prefixBlob}, func(k, v []byte) error {
		if len(k) != 33 {
			return errKey
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		row, err := decodeBlob(protocol.BlobID(k[1:]), v)
		if err != nil {
			return err
		}
		return fn(row)
	})
}
