// SPDX-License-Identifier: AGPL-3.0-or-later

package pebble

import (
	"errors"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
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
	var v valueBlob
	err := dcbor.Unmarshal(b, &v)
	if err != nil || v.V != blobVersion {
		v1, err := decodeValue[valueBlob1](b)
		return server.BlobRow{Blob: id, Length: v1.Length, Offset: v1.Offset, Expires: v1.Expires, UploadUntil: v1.UploadUntil}, err
	}
	row := server.BlobRow{Blob: id, Length: v.Length, Offset: v.Offset, Expires: v.Expires, UploadUntil: v.UploadUntil}
	if len(v.Hash) > 0 { // empty ones are nil, as they were put
		row.Hash = v.Hash
	}
	if len(v.HashState) > 0 {
		row.HashState = v.HashState
	}
	return row, nil
}

func (t blobs) Put(row server.BlobRow) error {
	before, err := t.Blob(row.Blob)
	if err != nil && !errors.Is(err, server.ErrNotFound) {
		return err
	}
	t.blobBytes += int64(row.Offset) - int64(before.Offset)
	if before.Length != row.Length {
		if err := t.changeTotals(func(v *valueTotals) { v.BlobBytes += row.Length - before.Length }); err != nil {
			return err
		}
	}
	key := key32(prefixBlob, row.Blob)
	v := valueBlob{
		V: blobVersion, Length: row.Length, Offset: row.Offset, Expires: row.Expires, UploadUntil: row.UploadUntil,
		Hash: row.Hash, HashState: row.HashState,
	}
	return errors.Join(t.set(key, encodeValue(v)), t.expires(row.Due(), key, 1))
}

func (t blobs) Delete(id protocol.BlobID) error {
	row, err := t.Blob(id)
	if err != nil {
		return err
	}
	t.blobBytes -= int64(row.Offset)
	if err := t.delete(key32(prefixBlob, id)); err != nil {
		return err
	}
	return t.changeTotals(func(v *valueTotals) { v.BlobBytes -= row.Length })
}
