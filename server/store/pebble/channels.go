// SPDX-License-Identifier: AGPL-3.0-or-later

package pebble

import (
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
)

type channels struct{ *tx }

func (t channels) Channel(id protocol.ChannelID) (server.ChannelRow, error) {
	b, err := t.get(key32(prefixChannel, id))
	if err != nil {
		return server.ChannelRow{}, err
	}
	return decodeChannel(id, b)
}

func (t channels) Epoch(id protocol.ChannelID, epoch uint64) (server.EpochRow, error) {
	b, err := t.get(keyChannelNumber(prefixEpoch, id, epoch))
	if err != nil {
		return server.EpochRow{}, err
	}
	return decodeEpoch(id, epoch, b)
}

func decodeEpoch(id protocol.ChannelID, epoch uint64, b []byte) (server.EpochRow, error) {
	v, err := decodeValue[valueEpoch](b)
	return server.EpochRow{Channel: id, Epoch: epoch, Key: v.Key, Start: v.Start, End: v.End}, err
}

func (t channels) Entries(id protocol.ChannelID, afterSeq, upTo uint64, maxBytes int) (rows []server.EntryRow, err error) {
	if afterSeq >= upTo {
		return nil, nil
	}
	to := after(key32(prefixEntry, id))
	if upTo+1 != 0 {
		to = keyChannelNumber(prefixEntry, id, upTo+1)
	}
	err = t.scan(keyChannelNumber(prefixEntry, id, afterSeq+1), to, func(k, b []byte) error {
		row, err := decodeEntry(k, b)
		if err != nil {
			return err
		}
		rows = append(rows, row)
		if maxBytes -= len(row.Ciphertext); maxBytes <= 0 {
			return errStop
		}
		return nil
	})
	return rows, err
}

func (t channels) Count() (uint64, error) {
	totals, err := t.totals()
	return totals.Channels, err
}

func (t channels) Create(row server.ChannelRow, epoch server.EpochRow) error {
	key := key32(prefixChannel, row.Channel)
	if taken, err := t.has(key); err != nil || taken {
		return orExists(err)
	}
	if err := t.put(row); err != nil {
		return err
	}
	if err := t.PutEpoch(epoch); err != nil {
		return err
	}
	return t.changeTotals(func(v *valueTotals) { v.Channels++ })
}

// put stores a channel's row and when to look whether it has expired.
func (t channels) put(row server.ChannelRow) error {
	key := key32(prefixChannel, row.Channel)
	if err := t.set(key, encodeChannel(&row)); err != nil {
		return err
	}
	return t.expires(row.Expires, key, 1)
}

// Extend changes the row alone: the index has it looked at earlier, and again
// then.
func (t channels) Extend(id protocol.ChannelID, expires int64) error {
	row, err := t.Channel(id)
	if err != nil || row.Expires >= expires {
		return err
	}
	row.Expires = expires
	return t.set(key32(prefixChannel, id), encodeChannel(&row))
}

func (t channels) Delete(id protocol.ChannelID) error {
	row, err := t.Channel(id)
	if err != nil {
		return err
	}
	t.rowBytes -= int64(row.Bytes)
	for _, prefix := range []byte{prefixEpoch, prefixEntry} {
		all := key32(prefix, id)
		if err := t.b.DeleteRange(all, after(all), nil); err != nil {
			return wrap(err)
		}
	}
	if err := t.delete(key32(prefixChannel, id)); err != nil {
		return err
	}
	return t.changeTotals(func(v *valueTotals) { v.Channels-- })
}

func (t channels) PutEpoch(row server.EpochRow) error {
	v := valueEpoch{V: valueVersion, Key: row.Key, Start: row.Start, End: row.End}
	return t.set(keyChannelNumber(prefixEpoch, row.Channel, row.Epoch), encodeValue(v))
}

// Append puts one pair into the expiry index for each run of entries that
// expire in the same minute.
func (t channels) Append(row server.ChannelRow, entries []server.EntryRow) error {
	var run, count uint64
	for i := range entries {
		e := &entries[i]
		if err := t.putEntry(e); err != nil {
			return err
		}
		count++
		t.rowBytes += int64(len(e.Ciphertext))
		last := i == len(entries)-1
		if last || minuteOf(entries[i+1].Expires) != minuteOf(e.Expires) || entries[i+1].Seq != e.Seq+1 {
			run = e.Seq - count + 1
			if err := t.expires(e.Expires, keyChannelNumber(prefixEntry, e.Channel, run), count); err != nil {
				return err
			}
			count = 0
		}
	}
	return t.set(key32(prefixChannel, row.Channel), encodeChannel(&row))
}

// putEntry writes an entry without copying it more than once.
func (t channels) putEntry(e *server.EntryRow) error {
	key := keyChannelNumber(prefixEntry, e.Channel, e.Seq)
	value := appendEntry(make([]byte, 0, entryLen(e)), e)
	op := t.b.SetDeferred(len(key), len(value))
	copy(op.Key, key)
	copy(op.Value, value)
	return op.Finish()
}
