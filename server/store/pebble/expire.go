// SPDX-License-Identifier: AGPL-3.0-or-later

package pebble

import (
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
)

// Expire implements [server.WriteTx]. The index holds hints: a row that has
// been given more time, or is gone, is left alone.
func (t writeTx) Expire(now time.Time, limit int) (out server.Expired, err error) {
	type due struct {
		index, key []byte
		count      uint64
	}
	var all []due
	upper := keyExpiry(now.Unix()/60+1, nil)
	err = t.scan([]byte{prefixExpiry}, upper, func(k, v []byte) error {
		if len(all) == limit {
			out.More = true
			return errStop
		}
		index := append([]byte(nil), k...)
		_, key, err := splitExpiry(index)
		if err != nil {
			return err
		}
		count, err := decodeRun(v)
		all = append(all, due{index, key, count})
		return err
	})
	if err != nil {
		return out, err
	}
	touched := map[protocol.ChannelID]bool{}
	for _, d := range all {
		if err := errors.Join(t.delete(d.index), t.expireRow(d.key, d.count, now, &out, touched)); err != nil {
			return out, err
		}
	}
	for id := range touched {
		if err := t.dropEpochs(id); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (t writeTx) expireRow(key []byte, count uint64, now time.Time, out *server.Expired, touched map[protocol.ChannelID]bool) error {
	switch key[0] {
	case prefixEntry:
		id, first, err := splitChannelNumber(key)
		if err != nil {
			return err
		}
		touched[id] = true
		return t.expireEntries(id, first, count, now, out)
	case prefixLetter:
		return t.expireLetter(key, now, out)
	case prefixSeen:
		return expireSimple(t.tx, key, now, out, func(v valueSeen) int64 { return v.Expires })
	case prefixInvite:
		return expireSimple(t.tx, key, now, out, func(v valueInvite) int64 { return v.Expires })
	case prefixWake:
		return expireSimple(t.tx, key, now, out, func(v valueWake) int64 {
			if v.Expires <= now.Unix() {
				t.rowBytes -= int64(len(v.Endpoint))
			}
			return v.Expires
		})
	case prefixBlob:
		return t.expireBlob(key, now, out)
	case prefixChannel:
		return t.expireChannel(key, now, out)
	case prefixVault:
		return t.expireVault(key, now, out)
	case prefixVaultDeletion:
		return t.expireDeletion(key, now, out)
	}
	return errKey
}

// expireChannel deletes a channel that nobody used for long, or looks at it
// again when that may be so.
func (t writeTx) expireChannel(key []byte, now time.Time, out *server.Expired) error {
	if len(key) != 33 {
		return errKey
	}
	id := protocol.ChannelID(key[1:])
	row, err := channels{t.tx}.Channel(id)
	if errors.Is(err, server.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if row.Expires > now.Unix() {
		return t.expires(row.Expires, key, 1)
	}
	out.Rows++
	return channels{t.tx}.Delete(id)
}

func expireSimple[V interface{ version() uint64 }](t *tx, key []byte, now time.Time, out *server.Expired, expires func(V) int64) error {
	b, err := t.get(key)
	if errors.Is(err, server.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	v, err := decodeValue[V](b)
	if err != nil || expires(v) > now.Unix() {
		return err
	}
	out.Rows++
	return t.delete(key)
}

func (t writeTx) expireLetter(key []byte, now time.Time, out *server.Expired) error {
	b, err := t.get(key)
	if errors.Is(err, server.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	row, err := decodeLetter(key, b)
	if err != nil || row.Expires > now.Unix() {
		return err
	}
	out.Rows++
	return mailboxes{t.tx}.deleteLetters(server.DeviceRef{Name: row.Name, Device: row.Device}, key, append(key, 0))
}

func (t writeTx) expireBlob(key []byte, now time.Time, out *server.Expired) error {
	if len(key) != 33 {
		return errKey
	}
	id := protocol.BlobID(key[1:])
	row, err := blobs{t.tx}.Blob(id)
	if errors.Is(err, server.ErrNotFound) {
		return nil
	}
	if err != nil || row.Due() > now.Unix() {
		return err
	}
	out.Rows++
	out.Blobs = append(out.Blobs, id)
	return blobs{t.tx}.Delete(id)
}

func (t writeTx) expireEntries(id protocol.ChannelID, first, count uint64, now time.Time, out *server.Expired) error {
	row, err := channels{t.tx}.Channel(id)
	if errors.Is(err, server.ErrNotFound) {
		return nil // deleted with its entries
	}
	if err != nil {
		return err
	}
	entries, err := channels{t.tx}.Entries(id, first-1, first+count-1, int(^uint(0)>>1))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Expires > now.Unix() {
			continue
		}
		if err := t.delete(keyChannelNumber(prefixEntry, id, e.Seq)); err != nil {
			return err
		}
		out.Rows++
		row.Entries--
		row.Bytes -= uint64(len(e.Ciphertext))
		t.rowBytes -= int64(len(e.Ciphertext))
	}
	return t.set(key32(prefixChannel, id), encodeChannel(&row))
}

// dropEpochs deletes the ended epochs whose entries are all gone.
func (t writeTx) dropEpochs(id protocol.ChannelID) error {
	oldest := ^uint64(0)
	err := t.scanPrefix(key32(prefixEntry, id), func(k, _ []byte) (err error) {
		if _, oldest, err = splitChannelNumber(k); err != nil {
			return err
		}
		return errStop
	})
	if err != nil {
		return err
	}
	var gone [][]byte
	err = t.scanPrefix(key32(prefixEpoch, id), func(k, b []byte) error {
		v, err := decodeValue[valueEpoch](b)
		if err != nil {
			return err
		}
		if v.End == 0 || v.End >= oldest {
			return errStop
		}
		gone = append(gone, append([]byte(nil), k...))
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range gone {
		if err := t.delete(k); err != nil {
			return err
		}
	}
	return nil
}
