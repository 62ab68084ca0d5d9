// SPDX-License-Identifier: AGPL-3.0-or-later

package pebble

import (
	"crypto/sha256"
	"errors"

	"github.com/securecrypt/securecrypt/server"
)

type wakes struct{ *tx }

func (t wakes) Wake(hash [sha256.Size]byte) (server.WakeRow, error) {
	b, err := t.get(key32(prefixWake, hash))
	if err != nil {
		return server.WakeRow{}, err
	}
	v, err := decodeValue[valueWake](b)
	return server.WakeRow{Hash: hash, Endpoint: v.Endpoint, Expires: v.Expires}, err
}

func (t wakes) Put(row server.WakeRow) error {
	key := key32(prefixWake, row.Hash)
	before, err := t.Wake(row.Hash)
	if err != nil && !errors.Is(err, server.ErrNotFound) {
		return err
	}
	t.rowBytes += int64(len(row.Endpoint)) - int64(len(before.Endpoint))
	v := valueWake{V: valueVersion, Endpoint: row.Endpoint, Expires: row.Expires}
	return errors.Join(t.set(key, encodeValue(v)), t.expires(row.Expires, key, 1))
}

func (t wakes) Delete(hash [sha256.Size]byte) error {
	key := key32(prefixWake, hash)
	row, err := t.Wake(hash)
	if err != nil {
		return err
	}
	t.rowBytes -= int64(len(row.Endpoint))
	return t.delete(key)
}
