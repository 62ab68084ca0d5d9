// SPDX-License-Identifier: AGPL-3.0-or-later

package pebble

import (
	"crypto/sha256"
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
	return t.changeTotals(func(v *valueTotals) { v.Accounts++ })
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

// Key packages: number 0 is the last-resort one.
type keyPackages struct{ *tx }

func (t keyPackages) All(ref server.DeviceRef) (rows []server.KeyPackageRow, err error) {
	err = t.scanPrefix(keyDevice(prefixKeyPackage, ref, 0), func(k, b []byte) error {
		_, n, err := splitDeviceNumber(k)
		if err != nil {
			return err
		}
		v, err := decodeValue[valueBytes](b)
		rows = append(rows, server.KeyPackageRow{Name: ref.Name, Device: ref.Device, Number: n, KeyPackage: v.B})
		return err
	})
	return rows, err
}

func (t keyPackages) Count(ref server.DeviceRef) (n int, lastResort bool, err error) {
	err = t.scanPrefix(keyDevice(prefixKeyPackage, ref, 0), func(k, _ []byte) error {
		_, number, err := splitDeviceNumber(k)
		if number == 0 {
			lastResort = true
		} else {
			n++
		}
		return err
	})
	return n, lastResort, err
}

func (t keyPackages) Add(ref server.DeviceRef, keyPackages [][]byte) error {
	next := uint64(1)
	err := t.scanPrefix(keyDevice(prefixKeyPackage, ref, 0), func(k, _ []byte) error {
		_, n, err := splitDeviceNumber(k)
		next = n + 1
		return err
	})
	if err != nil {
		return err
	}
	for _, b := range keyPackages {
		if err := t.put(ref, next, b); err != nil {
			return err
		}
		next++
	}
	return nil
}

func (t keyPackages) SetLastResort(ref server.DeviceRef, b []byte) error { return t.put(ref, 0, b) }

func (t keyPackages) put(ref server.DeviceRef, n uint64, b []byte) error {
	return t.set(keyDeviceNumber(prefixKeyPackage, ref, n), encodeValue(valueBytes{V: valueVersion, B: b}))
}

func (t keyPackages) Take(ref server.DeviceRef, onlyLastResort bool) ([]byte, error) {
	var value, key []byte
	first := keyDeviceNumber(prefixKeyPackage, ref, 1)
	if !onlyLastResort {
		err := t.scan(first, after(keyDevice(prefixKeyPackage, ref, 0)), func(k, v []byte) error {
			key, value = append(key, k...), append(value, v...)
			return errStop
		})
		if err != nil {
			return nil, err
		}
	}
	if key == nil {
		b, err := t.get(keyDeviceNumber(prefixKeyPackage, ref, 0))
		if err != nil {
			return nil, err
		}
		v, err := decodeValue[valueBytes](b)
		return v.B, err
	}
	v, err := decodeValue[valueBytes](value)
	if err != nil {
		return nil, err
	}
	return v.B, t.delete(key)
}
