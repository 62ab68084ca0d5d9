// SPDX-License-Identifier: AGPL-3.0-or-later

package pebble

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
)

type (
	valueVault struct {
		_              struct{} `cbor:",toarray"`
		V              uint64
		Objects, Bytes uint64

		Deletions, DeletedBytes uint64
		Last                    uint64
		Closed                  int64
		Revoked                 []protocol.DeviceID
	}
	valueVaultObject struct {
		_       struct{} `cbor:",toarray"`
		V       uint64
		Content protocol.BlobID
		Size    uint64
		Hash    [32]byte
	}
	valueVaultDeletion struct {
		_       struct{} `cbor:",toarray"`
		V       uint64
		Object  string
		Content protocol.BlobID
		Size    uint64
		Hash    [32]byte
		Device  protocol.DeviceID
		Session protocol.VaultSessionID
		Asked   int64
		Expires int64
	}
	valueVaultContent struct {
		_ struct{} `cbor:",toarray"`
		V uint64
	}
)

func (v valueVault) version() uint64         { return v.V }
func (v valueVaultObject) version() uint64   { return v.V }
func (v valueVaultDeletion) version() uint64 { return v.V }
func (v valueVaultContent) version() uint64  { return v.V }

func keyVault(prefix byte, name string, vault uint8) []byte {
	return append(keyOwner(prefix, name), vault)
}

func keyVaultObject(name string, vault uint8, object string) []byte {
	return append(keyVault(prefixVaultObject, name, vault), object...)
}

func keyVaultDeletion(name string, vault uint8, number uint64) []byte {
	return binary.BigEndian.AppendUint64(keyVault(prefixVaultDeletion, name, vault), number)
}

// splitVault undoes keyVault and returns what follows.
func splitVault(k []byte) (name string, vault uint8, rest []byte, err error) {
	i := slices.Index(k, 0)
	if i < 1 || i+1 >= len(k) {
		return "", 0, nil, errKey
	}
	return string(k[1:i]), k[i+1], k[i+2:], nil
}

func decodeVault(k, b []byte) (server.VaultRow, error) {
	name, vault, rest, err := splitVault(k)
	if err != nil || len(rest) > 0 {
		return server.VaultRow{}, errKey
	}
	v, err := decodeValue[valueVault](b)
	row := server.VaultRow{
		Name: name, Vault: vault, Objects: v.Objects, Bytes: v.Bytes, Deletions: v.Deletions, DeletedBytes: v.DeletedBytes, Last: v.Last, Closed: v.Closed,
	}
	if len(v.Revoked) > 0 { // an empty list is nil, as it was put
		row.Revoked = v.Revoked
	}
	return row, err
}

func decodeVaultObject(k, b []byte) (server.VaultObjectRow, error) {
	name, vault, object, err := splitVault(k)
	if err != nil || len(object) == 0 {
		return server.VaultObjectRow{}, errKey
	}
	v, err := decodeValue[valueVaultObject](b)
	return server.VaultObjectRow{Name: name, Vault: vault, Object: string(object), Content: v.Content, Size: v.Size, Hash: v.Hash}, err
}

func decodeVaultDeletion(k, b []byte) (server.VaultDeletionRow, error) {
	name, vault, number, err := splitVault(k)
	if err != nil || len(number) != 8 {
		return server.VaultDeletionRow{}, errKey
	}
	v, err := decodeValue[valueVaultDeletion](b)
	return server.VaultDeletionRow{
		Name: name, Vault: vault, Number: binary.BigEndian.Uint64(number), Object: v.Object, Content: v.Content, Size: v.Size, Hash: v.Hash,
		Device: v.Device, Session: v.Session, Asked: v.Asked, Expires: v.Expires,
	}, err
}

// vaultContent returns the content of an object or a deletion as the row of a blob
// that is whole.
func vaultContent(k, v []byte) (server.BlobRow, error) {
	if k[0] == prefixVaultDeletion {
		d, err := decodeVaultDeletion(k, v)
		return server.BlobRow{Blob: d.Content, Length: d.Size, Offset: d.Size, Hash: d.Hash[:]}, err
	}
	o, err := decodeVaultObject(k, v)
	return server.BlobRow{Blob: o.Content, Length: o.Size, Offset: o.Size, Hash: o.Hash[:]}, err
}

type vaults struct{ *tx }

func (t vaults) Vaults(name string) (rows []server.VaultRow, err error) {
	err = t.scanPrefix(keyOwner(prefixVault, name), func(k, b []byte) error {
		row, err := decodeVault(k, b)
		rows = append(rows, row)
		return err
	})
	return rows, err
}

// vault returns a vault's row, an empty one for a vault without.
func (t vaults) vault(name string, vault uint8) (server.VaultRow, error) {
	k := keyVault(prefixVault, name, vault)
	b, err := t.get(k)
	if errors.Is(err, server.ErrNotFound) {
		return server.VaultRow{Name: name, Vault: vault}, nil
	}
	if err != nil {
		return server.VaultRow{}, err
	}
	return decodeVault(k, b)
}

// change replaces a vault's row, and counts what it adds to the usage.
func (t vaults) change(name string, vault uint8, change func(*server.VaultRow)) error {
	row, err := t.vault(name, vault)
	if err != nil {
		return err
	}
	before := row.Bytes + row.DeletedBytes
	change(&row)
	t.vaultBytes += int64(row.Bytes+row.DeletedBytes) - int64(before)
	return t.set(keyVault(prefixVault, name, vault), encodeValue(valueVault{
		V: valueVersion, Objects: row.Objects, Bytes: row.Bytes, Deletions: row.Deletions, DeletedBytes: row.DeletedBytes, Last: row.Last, Closed: row.Closed,
		Revoked: row.Revoked,
	}))
}

func (t vaults) Object(name string, vault uint8, object string) (server.VaultObjectRow, error) {
	k := keyVaultObject(name, vault, object)
	b, err := t.get(k)
	if err != nil {
		return server.VaultObjectRow{}, err
	}
	return decodeVaultObject(k, b)
}

func (t vaults) Objects(name string, vault uint8, prefix, last string, limit int) (rows []server.VaultObjectRow, err error) {
	lower := keyVaultObject(name, vault, prefix)
	upper := after(lower)
	if last >= prefix && last != "" {
		lower = append(keyVaultObject(name, vault, last), 0)
	}
	err = t.scan(lower, upper, func(k, b []byte) error {
		if len(rows) == limit {
			return errStop
		}
		row, err := decodeVaultObject(k, b)
		rows = append(rows, row)
		return err
	})
	return rows, err
}

func (t vaults) Deletions(name string, vault uint8, last uint64, limit int) (rows []server.VaultDeletionRow, err error) {
	lower, upper := keyVaultDeletion(name, vault, last), after(keyVault(prefixVaultDeletion, name, vault))
	err = t.scan(append(lower, 0), upper, func(k, b []byte) error {
		if len(rows) == limit {
			return errStop
		}
		row, err := decodeVaultDeletion(k, b)
		rows = append(rows, row)
		return err
	})
	return rows, err
}

func (t vaults) HasContent(id protocol.BlobID) (bool, error) {
	return t.has(key32(prefixVaultContent, id))
}

func (t vaults) Put(row server.VaultObjectRow) error {
	if taken, err := t.has(keyVaultObject(row.Name, row.Vault, row.Object)); err != nil || taken {
		return orExists(err)
	}
	return errors.Join(t.put(row), t.set(key32(prefixVaultContent, row.Content), encodeValue(valueVaultContent{V: valueVersion})))
}

func (t vaults) put(row server.VaultObjectRow) error {
	value := encodeValue(valueVaultObject{V: valueVersion, Content: row.Content, Size: row.Size, Hash: row.Hash})
	return errors.Join(t.set(keyVaultObject(row.Name, row.Vault, row.Object), value), t.change(row.Name, row.Vault, func(v *server.VaultRow) {
		v.Objects++
		v.Bytes += server.VaultCharge(row.Size)
	}))
}

// take removes an object's row, but not what says that its content is needed.
func (t vaults) take(name string, vault uint8, object string) (server.VaultObjectRow, error) {
	row, err := t.Object(name, vault, object)
	if err != nil {
		return row, err
	}
	return row, errors.Join(t.delete(keyVaultObject(name, vault, object)), t.change(name, vault, func(v *server.VaultRow) {
		v.Objects--
		v.Bytes -= server.VaultCharge(row.Size)
	}))
}

func (t vaults) Remove(name string, vault uint8, object string) (server.VaultObjectRow, error) {
	row, err := t.take(name, vault, object)
	if err != nil {
		return row, err
	}
	return row, t.delete(key32(prefixVaultContent, row.Content))
}

func (t vaults) Delete(row server.VaultDeletionRow) error {
	object, err := t.take(row.Name, row.Vault, row.Object)
	if err != nil {
		return err
	}
	var key []byte
	err = t.change(row.Name, row.Vault, func(v *server.VaultRow) {
		v.Last++
		v.Deletions++
		v.DeletedBytes += server.VaultCharge(object.Size)
		key = keyVaultDeletion(row.Name, row.Vault, v.Last)
	})
	if err != nil {
		return err
	}
	row.Content, row.Size, row.Hash = object.Content, object.Size, object.Hash
	return t.putDeletion(key, row)
}

func (t vaults) putDeletion(key []byte, row server.VaultDeletionRow) error {
	return errors.Join(t.set(key, encodeValue(valueVaultDeletion{
		V: valueVersion, Object: row.Object, Content: row.Content, Size: row.Size, Hash: row.Hash, Device: row.Device, Session: row.Session,
		Asked: row.Asked, Expires: row.Expires,
	})), t.expires(row.Expires, key, 1))
}

func (t vaults) Undelete(row server.VaultDeletionRow) error {
	if taken, err := t.has(keyVaultObject(row.Name, row.Vault, row.Object)); err != nil || taken {
		return orExists(err)
	}
	if err := t.dropDeletion(row); err != nil {
		return err
	}
	return t.put(server.VaultObjectRow{Name: row.Name, Vault: row.Vault, Object: row.Object, Content: row.Content, Size: row.Size, Hash: row.Hash})
}

// dropDeletion removes a deletion's row, but not what says that its content is
// needed.
func (t vaults) dropDeletion(row server.VaultDeletionRow) error {
	return errors.Join(t.delete(keyVaultDeletion(row.Name, row.Vault, row.Number)), t.change(row.Name, row.Vault, func(v *server.VaultRow) {
		v.Deletions--
		v.DeletedBytes -= server.VaultCharge(row.Size)
	}))
}

func (t vaults) Close(name string, expires int64) error {
	rows, err := t.Vaults(name)
	for _, row := range rows {
		err = errors.Join(err, t.change(name, row.Vault, func(v *server.VaultRow) { v.Closed = expires }))
		if expires != 0 {
			err = errors.Join(err, t.expires(expires, keyVault(prefixVault, name, row.Vault), 1))
		}
	}
	return err
}

// revoke has the deletions that a device asked for be taken back when their time
// comes.
func (t vaults) revoke(ref server.DeviceRef) error {
	rows, err := t.Vaults(ref.Name)
	for _, row := range rows {
		if !slices.Contains(row.Revoked, ref.Device) {
			err = errors.Join(err, t.change(ref.Name, row.Vault, func(v *server.VaultRow) { v.Revoked = append(v.Revoked, ref.Device) }))
		}
	}
	return err
}

// expireDeletion deletes for good what a device deleted, or takes it back if the
// device was revoked.
func (t writeTx) expireDeletion(key []byte, now time.Time, out *server.Expired) error {
	b, err := t.get(key)
	if errors.Is(err, server.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	row, err := decodeVaultDeletion(key, b)
	if err != nil || row.Expires > now.Unix() {
		return err
	}
	vs := vaults{t.tx}
	vault, err := vs.vault(row.Name, row.Vault)
	if err != nil {
		return err
	}
	if slices.Contains(vault.Revoked, row.Device) {
		object, err := vs.Object(row.Name, row.Vault, row.Object)
		switch {
		case errors.Is(err, server.ErrNotFound):
			return vs.Undelete(row)
		case err != nil:
			return err
		case object.Hash != row.Hash: // the owner has to choose
			row.Expires += max(60, row.Expires-row.Asked)
			return vs.putDeletion(key, row)
		}
	}
	out.Rows++
	out.Blobs = append(out.Blobs, row.Content)
	return errors.Join(vs.dropDeletion(row), t.delete(key32(prefixVaultContent, row.Content)))
}

// expiryStep is how many rows of a closed vault are deleted in one transaction.
const expiryStep = 256

// expireVault deletes a part of a vault whose account was deleted.
func (t writeTx) expireVault(key []byte, now time.Time, out *server.Expired) error {
	b, err := t.get(key)
	if errors.Is(err, server.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	row, err := decodeVault(key, b)
	if err != nil || row.Closed == 0 || row.Closed > now.Unix() {
		return err
	}
	vs := vaults{t.tx}
	objects, err := vs.Objects(row.Name, row.Vault, "", "", expiryStep)
	for _, o := range objects {
		if err == nil {
			_, err = vs.Remove(row.Name, row.Vault, o.Object)
		}
		out.Blobs = append(out.Blobs, o.Content)
	}
	if err != nil {
		return err
	}
	deletions, err := vs.Deletions(row.Name, row.Vault, 0, expiryStep-len(objects))
	for _, d := range deletions {
		if err == nil {
			err = errors.Join(vs.dropDeletion(d), t.delete(key32(prefixVaultContent, d.Content)))
		}
		out.Blobs = append(out.Blobs, d.Content)
	}
	if err != nil {
		return err
	}
	out.Rows += len(objects) + len(deletions)
	if len(objects)+len(deletions) == expiryStep {
		out.More = true
		return t.expires(row.Closed, key, 1)
	}
	return t.delete(key)
}
