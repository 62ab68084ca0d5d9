// SPDX-License-Identifier: AGPL-3.0-or-later

package pebble

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/server"
)

type accounts struct{ *tx }

func (t accounts) Account(name string) (server.AccountRow, error) {
	b, err := t.get(keyAccount(name))
	if err != nil {
		return server.AccountRow{}, err
	}
	row, _, err := decodeAccount(name, b)
	return row, err
}

func (t accounts) Statements(row server.AccountRow, from uint64, maxBytes int) (rows []server.StatementRow, err error) {
	var old [][]byte // of a row of formats 1 to 3
	for i := from; i < row.Length && (maxBytes > 0 || len(rows) == 0); i++ {
		next := server.StatementRow{Name: row.Name, Number: i}
		if old == nil {
			next.Published, next.Statement, err = t.statement(row.Name, i)
		}
		if errors.Is(err, server.ErrNotFound) {
			old, err = t.oldStatements(row.Name)
		}
		if err != nil {
			return nil, err
		}
		if old != nil {
			next.Statement = old[i]
		}
		rows = append(rows, next)
		maxBytes -= len(next.Statement)
	}
	return rows, nil
}

func (t accounts) statement(name string, number uint64) (published int64, statement []byte, err error) {
	b, err := t.get(keyStatement(name, number))
	if err != nil {
		return 0, nil, err
	}
	return decodeStatement(b)
}

// oldStatements returns the statements that are in the row of an account.
func (t accounts) oldStatements(name string) ([][]byte, error) {
	b, err := t.get(keyAccount(name))
	if err != nil {
		return nil, err
	}
	_, old, err := decodeAccount(name, b)
	if err == nil && old == nil {
		err = fmt.Errorf("%w: a statement is missing", server.ErrCorrupt)
	}
	return old, err
}

func (t accounts) Count() (uint64, error) {
	totals, err := t.totals()
	return totals.Accounts, err
}

func (t accounts) Create(row server.AccountRow, statements []server.StatementRow) error {
	if taken, err := t.has(keyAccount(row.Name)); err != nil || taken {
		return orExists(err)
	}
	if err := t.put(row, statements); err != nil {
		return err
	}
	return t.changeTotals(func(v *valueTotals) { v.Accounts++ })
}

func (t accounts) Append(row server.AccountRow, next server.StatementRow) error {
	b, err := t.get(keyAccount(row.Name))
	if err != nil {
		return err
	}
	_, old, err := decodeAccount(row.Name, b)
	if err != nil {
		return err
	}
	t.rowBytes -= int64(sizeOf(old)) // they get rows of their own
	var statements []server.StatementRow
	for i, statement := range old {
		statements = append(statements, server.StatementRow{Name: row.Name, Number: uint64(i), Statement: statement})
	}
	return t.put(row, append(statements, next))
}

func (t accounts) put(row server.AccountRow, statements []server.StatementRow) error {
	for _, s := range statements {
		if err := t.set(keyStatement(row.Name, s.Number), encodeStatement(s)); err != nil {
			return err
		}
		t.rowBytes += int64(len(s.Statement))
	}
	return t.set(keyAccount(row.Name), encodeAccount(row))
}

// Delete deletes whole ranges of keys, also of devices that the account had
// before.
func (t accounts) Delete(name string) error {
	b, err := t.get(keyAccount(name))
	if err != nil {
		return err
	}
	_, old, err := decodeAccount(name, b)
	if err != nil {
		return err
	}
	t.rowBytes -= int64(sizeOf(old))
	err = t.scanPrefix(keyOwner(prefixStatement, name), func(_, b []byte) error {
		_, statement, err := decodeStatement(b)
		t.rowBytes -= int64(len(statement))
		return err
	})
	if err != nil {
		return err
	}
	if err := t.deleteDevices(func(prefix byte) []byte { return keyOwner(prefix, name) }); err != nil {
		return err
	}
	if err := errors.Join(t.deletePrefix(keyOwner(prefixStatement, name)), t.forgetRecovery(name)); err != nil {
		return err
	}
	if err := t.delete(keyAccount(name)); err != nil {
		return err
	}
	return t.changeTotals(func(v *valueTotals) { v.Accounts-- })
}

func (t accounts) DeleteDevice(ref server.DeviceRef) error {
	return errors.Join(
		t.deleteDevices(func(prefix byte) []byte { return keyDevice(prefix, ref, 0) }),
		vaults{t.tx}.revoke(ref))
}

// deleteDevices deletes the rows of devices whose keys begin with what begin
// returns for the prefix of their table.
func (t accounts) deleteDevices(begin func(prefix byte) []byte) error {
	err := errors.Join(
		t.scanPrefix(begin(prefixKeyPackage), func(_, b []byte) error {
			v, err := decodeValue[valueBytes](b)
			t.rowBytes -= int64(len(v.B))
			return err
		}),
		t.scanPrefix(begin(prefixMailbox), func(_, b []byte) error {
			v, err := decodeValue[valueMailbox](b)
			t.rowBytes -= int64(v.Bytes)
			return err
		}))
	for _, prefix := range devicePrefixes {
		if err == nil {
			err = t.deletePrefix(begin(prefix))
		}
	}
	return err
}

func (t accounts) deletePrefix(prefix []byte) error {
	return wrap(t.b.DeleteRange(prefix, after(prefix), nil))
}

type names struct{ *tx }

func (t names) Reserved(name string) (server.ReservedNameRow, error) {
	b, err := t.get(keyReserved(name))
	if err != nil {
		return server.ReservedNameRow{}, err
	}
	v, err := decodeValue[valueReserved](b)
	return server.ReservedNameRow{Name: name, Hash: v.Hash}, err
}

func (t names) Reserve(row server.ReservedNameRow) error {
	return t.set(keyReserved(row.Name), encodeValue(valueReserved{V: valueVersion, Hash: row.Hash}))
}

func (t names) Free(name string) error {
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
