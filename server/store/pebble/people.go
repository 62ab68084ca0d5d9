// SPDX-License-Identifier: AGPL-3.0-or-later

package pebble

import (
	"crypto/sha256"
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/server"
)

type accounts struct{ *tx }

func (t accounts) Account(name string) (server.AccountRow, error) {
	b, err := t.get(keyAccount(name))
	if err != nil {
		return server.AccountRow{}, err
	}
	v, err := decodeValue[valueAccount](b)
	return server.AccountRow{Name: name, Statements: v.Statements}, err
}

func (t accounts) Count() (uint64, error) {
	totals, err := t.totals()
	return totals.Accounts, err
}

func (t accounts) Create(row server.AccountRow) error {
	key := keyAccount(row.Name)
	if taken, err := t.has(key); err != nil || taken {
		return orExists(err)
	}
	if err := t.set(key, encodeValue(valueAccount{V: valueVersion, Statements: row.Statements})); err != nil {
		return err
	}
	t.rowBytes += int64(sizeOf(row.Statements))
	return t.changeTotals(func(v *valueTotals) { v.Accounts++ })
}

// Delete deletes whole ranges of keys, also of devices that the account had
// before.
func (t accounts) Delete(name string) error {
	row, err := t.Account(name)
	if err != nil {
		return err
	}
	t.rowBytes -= int64(sizeOf(row.Statements))
	err = errors.Join(
		t.scanPrefix(keyOwner(prefixKeyPackage, name), func(_, b []byte) error {
			v, err := decodeValue[valueBytes](b)
			t.rowBytes -= int64(len(v.B))
			return err
		}),
		t.scanPrefix(keyOwner(prefixMailbox, name), func(_, b []byte) error {
			v, err := decodeValue[valueMailbox](b)
			t.rowBytes -= int64(v.Bytes)
			return err
		}))
	if err != nil {
		return err
	}
	for _, prefix := range ownedPrefixes {
		all := keyOwner(prefix, name)
		if err := t.b.DeleteRange(all, after(all), nil); err != nil {
			return wrap(err)
		}
	}
	if err := t.delete(keyAccount(name)); err != nil {
		return err
	}
	return t.changeTotals(func(v *valueTotals) { v.Accounts-- })
}

func (t accounts) Reserved(name string) (server.ReservedNameRow, error) {
	b, err := t.get(keyReserved(name))
	if err != nil {
		return server.ReservedNameRow{}, err
	}
	v, err := decodeValue[valueReserved](b)
	return server.ReservedNameRow{Name: name, Hash: v.Hash}, err
}

func (t accounts) Reserve(row server.ReservedNameRow) error {
	return t.set(keyReserved(row.Name), encodeValue(valueReserved{V: valueVersion, Hash: row.Hash}))
}

func (t accounts) Free(name string) error {
	if _, err := t.Reserved(name); err != nil {
		return err
	}
	return t.delete(keyReserved(name))
}

func orExists(err error) error {
	if err == nil {
		return server.ErrExists
	}
	return err
}

type invites struct{ *tx }

func (t invites) All() (rows []server.InviteRow, err error) {
	err = t.scanPrefix([]byte{prefixInvite}, func(k, b []byte) error {
		v, err := decodeValue[valueInvite](b)
		if err != nil || len(k) != 1+sha256.Size {
			return orKey(err)
		}
		rows = append(rows, server.InviteRow{Hash: [32]byte(k[1:]), Hint: v.Hint, Created: v.Created, Expires: v.Expires})
		return nil
	})
	return rows, err
}

func orKey(err error) error {
	if err == nil {
		return errKey
	}
	return err
}

func (t invites) Put(row server.InviteRow) error {
	key := key32(prefixInvite, row.Hash)
	v := valueInvite{V: valueVersion, Hint: row.Hint, Created: row.Created, Expires: row.Expires}
	if err := t.set(key, encodeValue(v)); err != nil {
		return err
	}
	return t.expires(row.Expires, key, 1)
}

func (t invites) Take(hash [sha256.Size]byte, now time.Time) error {
	key := key32(prefixInvite, hash)
	b, err := t.get(key)
	if err != nil {
		return err
	}
	v, err := decodeValue[valueInvite](b)
	if err != nil {
		return err
	}
	if v.Expires <= now.Unix() {
		return server.ErrNotFound
	}
	return t.delete(key)
}
