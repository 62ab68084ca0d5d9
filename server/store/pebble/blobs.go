// SPDX-License-Identifier: AGPL-3.0-or-later

package pebble

import (
	"errors"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
)

type blobs struct{ *tx }

func (t blobs) Blob(id protocol.BlobID) (server.BlobRow, error) {
	b, err := t.get(key32(prefixBlob, id))
	if err != nil {
		return server.BlobRow{}, err
	}
	return decodeBlob(id, b)
}

func decodeBlob(id protocol.BlobID, b []byte) (server.BlobRow, error) {
	v, err := decodeValue[valueBlob](b)
	return server.BlobRow{Blob: id, Length: v.Length, Offset: v.Offset, Expires: v.Expires, UploadUntil: v.UploadUntil}, err
}

func (t blobs) Bytes() (uint64, error) {
	totals, err := t.totals()
	return totals.BlobBytes, err
}

func (t blobs) Put(row server.BlobRow) error {
	before, err := t.Blob(row.Blob)
	if err != nil && !errors.Is(err, server.ErrNotFound) {
		return err
	}
	if before.Length != row.Length {
		if err := t.changeTotals(func(v *valueTotals) { v.BlobBytes += row.Length - before.Length }); err != nil {
			return err
		}
	}
	key := key32(prefixBlob, row.Blob)
	v := valueBlob{V: valueVersion, Length: row.Length, Offset: row.Offset, Expires: row.Expires, UploadUntil: row.UploadUntil}
	return errors.Join(t.set(key, encodeValue(v)), t.expires(row.Due(), key, 1))
}

func (t blobs) Delete(id protocol.BlobID) error {
	row, err := t.Blob(id)
	if err != nil {
		return err
	}
	if err := t.delete(key32(prefixBlob, id)); err != nil {
		return err
	}
	return t.changeTotals(func(v *valueTotals) { v.BlobBytes -= row.Length })
}
