// SPDX-License-Identifier: AGPL-3.0-or-later

package pebble

import (
	"errors"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
)

type recoveries struct{ *tx }

func (t recoveries) Recovery(name string) (server.RecoveryRow, error) {
	b, err := t.get(keyRecovery(name))
	if err != nil {
		return server.RecoveryRow{}, err
	}
	v, err := decodeValue[valueRecovery](b)
	return server.RecoveryRow{Name: name, Counter: v.Counter, Device: v.Device, Stored: v.Stored, Data: v.Data}, err
}

func (t recoveries) Put(row server.RecoveryRow) error {
	if err := t.forgetRecovery(row.Name); err != nil {
		return err
	}
	t.rowBytes += int64(len(row.Data))
	v := valueRecovery{V: valueVersion, Counter: row.Counter, Device: row.Device, Stored: row.Stored, Data: row.Data}
	return t.set(keyRecovery(row.Name), encodeValue(v))
}

// forgetRecovery deletes what an account keeps for its recovery, if it keeps anything.
func (t *tx) forgetRecovery(name string) error {
	b, err := t.get(keyRecovery(name))
	if errors.Is(err, server.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	v, err := decodeValue[valueRecovery](b)
	if err != nil {
		return err
	}
	t.rowBytes -= int64(len(v.Data))
	return t.delete(keyRecovery(name))
}

type sessions struct{ *tx }

func (t sessions) Session(ref server.DeviceRef) (server.SessionRow, error) {
	b, err := t.get(keyDevice(prefixSession, ref, 0))
	if err != nil {
		return server.SessionRow{}, err
	}
	v, err := decodeValue[valueSession](b)
	return sessionRow(ref, v), err
}

func (t sessions) All(name string) (rows []server.SessionRow, err error) {
	err = t.scanPrefix(keyOwner(prefixSession, name), func(k, b []byte) error {
		v, err := decodeValue[valueSession](b)
		if err != nil || len(k) < len(protocol.DeviceID{}) {
			return orKey(err)
		}
		device := protocol.DeviceID(k[len(k)-len(protocol.DeviceID{}):])
		rows = append(rows, sessionRow(server.DeviceRef{Name: name, Device: device}, v))
		return nil
	})
	return rows, err
}

func sessionRow(ref server.DeviceRef, v valueSession) server.SessionRow {
	return server.SessionRow{
		Name: ref.Name, Device: ref.Device, Counter: v.Counter, ID: v.ID, Highest: v.Highest, Copied: v.Copied,
		Generation: v.Generation,
	}
}

func (t sessions) Put(row server.SessionRow) error {
	v := valueSession{
		V: valueVersion, Counter: row.Counter, ID: row.ID, Highest: row.Highest, Copied: row.Copied,
		Generation: row.Generation,
	}
	return t.set(keyDevice(prefixSession, server.DeviceRef{Name: row.Name, Device: row.Device}, 0), encodeValue(v))
}

type state struct{ *tx }

func (t state) Get() (server.StateRow, error) {
	b, err := t.get(keyState)
	if errors.Is(err, server.ErrNotFound) {
		return server.StateRow{}, nil
	}
	if err != nil {
		return server.StateRow{}, err
	}
	v, err := decodeValue[valueState](b)
	return server.StateRow{Incarnation: v.Incarnation, Newest: v.Newest, Boot: v.Boot, Uptime: v.Uptime}, err
}

func (t state) Put(row server.StateRow) error {
	return t.set(keyState, encodeValue(valueState{V: valueVersion, Incarnation: row.Incarnation, Newest: row.Newest, Boot: row.Boot, Uptime: row.Uptime}))
}
