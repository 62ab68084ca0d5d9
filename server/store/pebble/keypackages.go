// SPDX-License-Identifier: AGPL-3.0-or-later

package pebble

import (
	"errors"

	"github.com/securecrypt/securecrypt/server"
)

// keyPackages has the last-resort key package of a device under number 0.
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
	if n == 0 {
		before, err := t.Take(ref, true)
		if err != nil && !errors.Is(err, server.ErrNotFound) {
			return err
		}
		t.rowBytes -= int64(len(before))
	}
	t.rowBytes += int64(len(b))
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
	t.rowBytes -= int64(len(v.B))
	return v.B, t.delete(key)
}

// oneTime returns the range of keys of a device's one-time key packages.
func oneTime(ref server.DeviceRef) (from, to []byte) {
	return keyDeviceNumber(prefixKeyPackage, ref, 1), after(keyDevice(prefixKeyPackage, ref, 0))
}

func (t keyPackages) DeleteOneTime(ref server.DeviceRef) error {
	from, to := oneTime(ref)
	err := t.scan(from, to, func(_, b []byte) error {
		v, err := decodeValue[valueBytes](b)
		t.rowBytes -= int64(len(v.B))
		return err
	})
	if err != nil {
		return err
	}
	return wrap(t.b.DeleteRange(from, to, nil))
}

func (t keyPackages) DeleteAllOneTime() error {
	var refs []server.DeviceRef
	err := t.scanPrefix([]byte{prefixKeyPackage}, func(k, _ []byte) error {
		ref, _, err := splitDeviceNumber(k)
		if len(refs) == 0 || refs[len(refs)-1] != ref {
			refs = append(refs, ref)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if err := t.DeleteOneTime(ref); err != nil {
			return err
		}
	}
	return nil
}
