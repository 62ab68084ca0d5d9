// SPDX-License-Identifier: AGPL-3.0-or-later

package pebble

import (
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
)

// countUsage counts what the store holds. Channels and mailboxes have sums of
// their own, so that neither entries nor letters are read.
func (s *Store) countUsage() error {
	t := tx{r: s.db, usage: &s.usage}
	rows, blobBytes := int64(0), int64(0)
	count := func(prefix byte, size func(k, v []byte) (uint64, error)) error {
		return t.scanPrefix([]byte{prefix}, func(k, v []byte) error {
			n, err := size(k, v)
			rows += int64(n)
			return err
		})
	}
	channel := func(_, v []byte) (uint64, error) {
		row, err := decodeChannel(protocol.ChannelID{}, v)
		return row.Bytes, err
	}
	mailbox := func(_, v []byte) (uint64, error) {
		box, err := decodeValue[valueMailbox](v)
		return box.Bytes, err
	}
	wake := func(_, v []byte) (uint64, error) {
		row, err := decodeValue[valueWake](v)
		return uint64(len(row.Endpoint)), err
	}
	account := func(_, v []byte) (uint64, error) {
		if len(v) > 0 && v[0] == accountVersion {
			return 0, nil // its statements have rows of their own
		}
		row, err := decodeValue[valueAccount1](v)
		return sizeOf(row.Statements), err
	}
	statement := func(_, v []byte) (uint64, error) {
		_, statement, err := decodeStatement(v)
		return uint64(len(statement)), err
	}
	recovery := func(_, v []byte) (uint64, error) {
		row, err := decodeValue[valueRecovery](v)
		return uint64(len(row.Data)), err
	}
	keyPackage := func(_, v []byte) (uint64, error) {
		row, err := decodeValue[valueBytes](v)
		return uint64(len(row.B)), err
	}
	for prefix, size := range map[byte]func(k, v []byte) (uint64, error){
		prefixChannel: channel, prefixMailbox: mailbox, prefixWake: wake, prefixAccount: account, prefixStatement: statement, prefixKeyPackage: keyPackage, prefixRecovery: recovery,
	} {
		if err := count(prefix, size); err != nil {
			return err
		}
	}
	err := t.scanPrefix([]byte{prefixBlob}, func(k, v []byte) error {
		row, err := decodeBlob(protocol.BlobID{}, v)
		blobBytes += int64(row.Offset)
		return err
	})
	if err != nil {
		return err
	}
	vaultBytes := int64(0)
	err = t.scanPrefix([]byte{prefixVault}, func(k, v []byte) error {
		row, err := decodeValue[valueVault](v)
		vaultBytes += int64(row.Bytes + row.DeletedBytes)
		return err
	})
	s.usage.rowBytes.Store(rows)
	s.usage.blobBytes.Store(blobBytes)
	s.usage.vaultBytes.Store(vaultBytes)
	return err
}

func sizeOf(all [][]byte) (n uint64) {
	for _, b := range all {
		n += uint64(len(b))
	}
	return n
}

// firstExpiry is how long the channels of a store of format 1 stay at least,
// whoever uses them.
const firstExpiry = 180 * 24 * time.Hour

// upgrade brings a store of an earlier format up to date. The rows of formats 2 to 4
// are read as they are.
func (s *Store) upgrade(from uint64) error {
	batch := s.db.NewIndexedBatch()
	t := &tx{r: batch, b: batch, usage: &s.usage}
	if from == 1 {
		if err := expireChannels(t); err != nil {
			return errors.Join(err, batch.Close())
		}
	}
	if err := t.set(keyFormat, encodeValue(valueFormat{Version: formatVersion})); err != nil {
		return errors.Join(err, batch.Close())
	}
	return wrap(batch.Commit(pebble.Sync))
}

// expireChannels has the channels of a store of format 1 expire.
func expireChannels(t *tx) error {
	expires := time.Now().Add(firstExpiry).Unix()
	var rows []server.ChannelRow
	err := t.scanPrefix([]byte{prefixChannel}, func(k, v []byte) error {
		if len(k) != 33 {
			return errKey
		}
		row, err := decodeChannel(protocol.ChannelID(k[1:]), v)
		rows = append(rows, row)
		return err
	})
	if err != nil {
		return err
	}
	for _, row := range rows {
		row.Expires = expires
		if err := (channels{t}).put(row); err != nil {
			return err
		}
	}
	return nil
}
