// SPDX-License-Identifier: AGPL-3.0-or-later

package pebble

import (
	"errors"

	"github.com/securecrypt/securecrypt/server"
)

type mailboxes struct{ *tx }

func (t mailboxes) Mailbox(ref server.DeviceRef) (server.MailboxRow, error) {
	row := server.MailboxRow{Name: ref.Name, Device: ref.Device}
	b, err := t.get(keyDevice(prefixMailbox, ref, 0))
	if errors.Is(err, server.ErrNotFound) {
		return row, nil
	}
	if err != nil {
		return row, err
	}
	v, err := decodeValue[valueMailbox](b)
	row.Last, row.Letters, row.Bytes = v.Last, v.Letters, v.Bytes
	return row, err
}

func (t mailboxes) put(row server.MailboxRow) error {
	v := valueMailbox{V: valueVersion, Last: row.Last, Letters: row.Letters, Bytes: row.Bytes}
	return t.set(keyDevice(prefixMailbox, server.DeviceRef{Name: row.Name, Device: row.Device}, 0), encodeValue(v))
}

func (t mailboxes) Letters(ref server.DeviceRef, afterSeq uint64, maxBytes int) (rows []server.LetterRow, err error) {
	if afterSeq+1 == 0 {
		return nil, nil
	}
	from := keyDeviceNumber(prefixLetter, ref, afterSeq+1)
	err = t.scan(from, after(keyDevice(prefixLetter, ref, 0)), func(k, b []byte) error {
		row, err := decodeLetter(k, b)
		if err != nil {
			return err
		}
		rows = append(rows, row)
		if maxBytes -= len(row.Letter); maxBytes <= 0 {
			return errStop
		}
		return nil
	})
	return rows, err
}

func decodeLetter(k, b []byte) (server.LetterRow, error) {
	ref, seq, err := splitDeviceNumber(k)
	if err != nil {
		return server.LetterRow{}, err
	}
	v, err := decodeValue[valueLetter](b)
	return server.LetterRow{Name: ref.Name, Device: ref.Device, Seq: seq, Expires: v.Expires, Letter: v.Letter}, err
}

func (t mailboxes) Seen(ref server.DeviceRef, id [16]byte) (server.SeenRow, error) {
	b, err := t.get(keySeen(ref, id))
	if err != nil {
		return server.SeenRow{}, err
	}
	return decodeSeen(ref, id, b)
}

func decodeSeen(ref server.DeviceRef, id [16]byte, b []byte) (server.SeenRow, error) {
	v, err := decodeValue[valueSeen](b)
	return server.SeenRow{Name: ref.Name, Device: ref.Device, ID: id, Seq: v.Seq, Hash: v.Hash, Expires: v.Expires}, err
}

func (t mailboxes) AllSeen(ref server.DeviceRef) (rows []server.SeenRow, err error) {
	err = t.scanPrefix(keyDevice(prefixSeen, ref, 0), func(k, b []byte) error {
		_, rest, err := splitDevice(k)
		if err != nil || len(rest) != 16 {
			return orKey(err)
		}
		row, err := decodeSeen(ref, [16]byte(rest), b)
		rows = append(rows, row)
		return err
	})
	return rows, err
}

func (t mailboxes) Add(letter server.LetterRow, seen server.SeenRow) error {
	ref := server.DeviceRef{Name: letter.Name, Device: letter.Device}
	box, err := t.Mailbox(ref)
	if err != nil {
		return err
	}
	box.Last++
	box.Letters++
	box.Bytes += uint64(len(letter.Letter))
	t.rowBytes += int64(len(letter.Letter))
	letterKey, seenKey := keyDeviceNumber(prefixLetter, ref, box.Last), keySeen(ref, seen.ID)
	return errors.Join(
		t.put(box),
		t.set(letterKey, encodeValue(valueLetter{V: valueVersion, Expires: letter.Expires, Letter: letter.Letter})),
		t.expires(letter.Expires, letterKey, 1),
		t.set(seenKey, encodeValue(valueSeen{V: valueVersion, Seq: box.Last, Hash: seen.Hash, Expires: seen.Expires})),
		t.expires(seen.Expires, seenKey, 1),
	)
}

func (t mailboxes) Delete(ref server.DeviceRef, upTo uint64) error {
	to := after(keyDevice(prefixLetter, ref, 0))
	if upTo+1 != 0 {
		to = keyDeviceNumber(prefixLetter, ref, upTo+1)
	}
	return t.deleteLetters(ref, keyDeviceNumber(prefixLetter, ref, 0), to)
}

func (t mailboxes) deleteLetters(ref server.DeviceRef, from, to []byte) error {
	box, err := t.Mailbox(ref)
	if err != nil {
		return err
	}
	var keys [][]byte
	err = t.scan(from, to, func(k, b []byte) error {
		row, err := decodeLetter(k, b)
		box.Letters--
		box.Bytes -= uint64(len(row.Letter))
		t.rowBytes -= int64(len(row.Letter))
		keys = append(keys, append([]byte(nil), k...))
		return err
	})
	if err != nil || len(keys) == 0 {
		return err
	}
	for _, k := range keys {
		if err := t.delete(k); err != nil {
			return err
		}
	}
	return t.put(box)
}

func (t mailboxes) Token(ref server.DeviceRef) (hash [32]byte, err error) {
	b, err := t.get(keyDevice(prefixToken, ref, 0))
	if errors.Is(err, server.ErrNotFound) {
		return hash, nil
	}
	if err != nil {
		return hash, err
	}
	v, err := decodeValue[valueToken](b)
	return v.Hash, err
}

func (t mailboxes) SetToken(ref server.DeviceRef, hash [32]byte) error {
	key := keyDevice(prefixToken, ref, 0)
	if hash == [32]byte{} {
		return t.delete(key)
	}
	return t.set(key, encodeValue(valueToken{V: valueVersion, Hash: hash}))
}
