// SPDX-License-Identifier: AGPL-3.0-or-later

package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
)

func object(name string, vault uint8, object string, n byte) server.VaultObjectRow {
	return server.VaultObjectRow{Name: name, Vault: vault, Object: object, Content: protocol.BlobID{vault, n, name[0]}, Size: 4097, Hash: [32]byte{n}}
}

func deletion(o server.VaultObjectRow, number uint64, expires int64) server.VaultDeletionRow {
	return server.VaultDeletionRow{
		Name: o.Name, Vault: o.Vault, Number: number, Object: o.Object, Content: o.Content, Size: o.Size, Hash: o.Hash,
		Device: ref.Device, Session: protocol.VaultSessionID{5}, Asked: start.Unix(), Expires: expires,
	}
}

func vaultRows(t *testing.T, s server.Store, name string) (rows []server.VaultRow) {
	t.Helper()
	view(t, s, func(tx server.ReadTx) (err error) {
		rows, err = tx.Vaults().Vaults(name)
		return err
	})
	return rows
}

func hasContent(t *testing.T, s server.Store, id protocol.BlobID) (has bool) {
	t.Helper()
	view(t, s, func(tx server.ReadTx) (err error) {
		has, err = tx.Vaults().HasContent(id)
		return err
	})
	return has
}

// vaultObjects stores objects of several vaults, and lists them.
func vaultObjects(t *testing.T, s server.Store) {
	var bobs []server.VaultObjectRow
	update(t, s, func(tx server.WriteTx) error {
		bobs = nil
		for n := range byte(5) {
			o := object("bob", 1, fmt.Sprintf("packs/%d", n), n)
			bobs = append(bobs, o)
			if err := tx.Vaults().Put(o); err != nil {
				return err
			}
		}
		return errors.Join(tx.Vaults().Put(object("bob", 1, "log/0", 9)), tx.Vaults().Put(object("bob", 2, "packs/7", 7)), tx.Vaults().Put(object("bobby", 1, "packs/8", 8)))
	})
	wantErr(t, s.Update(t.Context(), func(tx server.WriteTx) error { return tx.Vaults().Put(object("bob", 1, "packs/3", 77)) }), server.ErrExists)
	want(t, vaultRows(t, s, "bob"), []server.VaultRow{{Name: "bob", Vault: 1, Objects: 6, Bytes: 6 * 8192}, {Name: "bob", Vault: 2, Objects: 1, Bytes: 8192}})
	view(t, s, func(tx server.ReadTx) error {
		got, err := tx.Vaults().Object("bob", 1, "packs/3")
		want(t, got, bobs[3])
		wantErr(t, err, nil)
		_, err = tx.Vaults().Object("bob", 2, "packs/3")
		wantErr(t, err, server.ErrNotFound)
		for _, list := range []struct {
			prefix, after string
			limit         int
			want          []server.VaultObjectRow
		}{{"packs/", "", 9, bobs}, {"packs/", "packs/1", 2, bobs[2:4]}, {"packs/", "log/0", 9, bobs}, {"packs/4", "", 9, bobs[4:]}, {"keys/", "", 9, nil}, {"packs/", "packs/4", 9, nil}} {
			got, err := tx.Vaults().Objects("bob", 1, list.prefix, list.after, list.limit)
			want(t, got, list.want)
			wantErr(t, err, nil)
		}
		usage, err := tx.Usage()
		want(t, usage, server.Usage{VaultBytes: 8 * 8192})
		return err
	})
	update(t, s, func(tx server.WriteTx) error {
		got, err := tx.Vaults().Remove("bob", 1, "packs/3")
		want(t, got, bobs[3])
		return err
	})
	want(t, hasContent(t, s, bobs[3].Content), false)
	want(t, hasContent(t, s, bobs[2].Content), true)
	want(t, vaultRows(t, s, "bob")[0].Bytes, uint64(5*8192))
}

// vaultDeletions deletes objects, takes some back, and has others go.
func vaultDeletions(t *testing.T, s server.Store) {
	a, b := object("bob", 1, "packs/a", 1), object("bob", 1, "packs/b", 2)
	soon, later := start.Unix()+60, start.Unix()+3600
	update(t, s, func(tx server.WriteTx) error { return errors.Join(tx.Vaults().Put(a), tx.Vaults().Put(b)) })
	update(t, s, func(tx server.WriteTx) error {
		return errors.Join(tx.Vaults().Delete(deletion(a, 0, soon)), tx.Vaults().Delete(deletion(b, 0, later)))
	})
	wantErr(t, s.Update(t.Context(), func(tx server.WriteTx) error { return tx.Vaults().Delete(deletion(a, 0, soon)) }), server.ErrNotFound)
	want(t, vaultRows(t, s, "bob"), []server.VaultRow{{Name: "bob", Vault: 1, Deletions: 2, DeletedBytes: 2 * 8192, Last: 2}})
	all := []server.VaultDeletionRow{deletion(a, 1, soon), deletion(b, 2, later)}
	deletions := func(after uint64, limit int) (rows []server.VaultDeletionRow) {
		view(t, s, func(tx server.ReadTx) (err error) {
			rows, err = tx.Vaults().Deletions("bob", 1, after, limit)
			return err
		})
		return rows
	}
	want(t, deletions(0, 9), all)
	want(t, deletions(0, 1), all[:1])
	want(t, deletions(1, 9), all[1:])
	update(t, s, func(tx server.WriteTx) error { return tx.Vaults().Put(object("bob", 1, "packs/b", 3)) })
	wantErr(t, s.Update(t.Context(), func(tx server.WriteTx) error { return tx.Vaults().Undelete(all[1]) }), server.ErrExists)
	gone := expireAll(t, s, start.Add(2*time.Minute))
	want(t, gone, server.Expired{Rows: 1, Blobs: []protocol.BlobID{a.Content}})
	want(t, hasContent(t, s, a.Content), false)
	update(t, s, func(tx server.WriteTx) error {
		_, err := tx.Vaults().Remove("bob", 1, "packs/b")
		return errors.Join(err, tx.Vaults().Undelete(all[1]))
	})
	want(t, expireAll(t, s, start.Add(2*time.Hour)), server.Expired{}) // it was taken back
	want(t, vaultRows(t, s, "bob"), []server.VaultRow{{Name: "bob", Vault: 1, Objects: 1, Bytes: 8192, Last: 2}})
	want(t, hasContent(t, s, b.Content), true)
}

// revokedDeletions has the deletions of a device come back that was revoked.
func revokedDeletions(t *testing.T, s server.Store) {
	a, b, c := object("bob", 1, "packs/a", 1), object("bob", 1, "packs/b", 2), object("bob", 1, "packs/c", 3)
	soon := start.Unix() + 60
	update(t, s, func(tx server.WriteTx) error {
		kept := deletion(c, 0, soon)
		kept.Device = protocol.DeviceID{99}
		return errors.Join(
			tx.Vaults().Put(a), tx.Vaults().Put(b), tx.Vaults().Put(c), tx.Vaults().Delete(deletion(a, 0, soon)), tx.Vaults().Delete(deletion(b, 0, soon)),
			tx.Vaults().Delete(kept), tx.Vaults().Put(object("bob", 1, "packs/b", 4)), tx.Accounts().DeleteDevice(ref))
	})
	want(t, expireAll(t, s, start.Add(2*time.Minute)), server.Expired{Rows: 1, Blobs: []protocol.BlobID{c.Content}})
	view(t, s, func(tx server.ReadTx) error {
		got, err := tx.Vaults().Object("bob", 1, "packs/a")
		want(t, got, a)
		left, err2 := tx.Vaults().Deletions("bob", 1, 0, 9) // its name is taken: the owner chooses
		want(t, len(left), 1)
		want(t, left[0].Content, b.Content)
		return errors.Join(err, err2)
	})
}

// closedVaults expire as a whole, however many rows they have, unless they are kept.
func closedVaults(t *testing.T, s server.Store) {
	update(t, s, func(tx server.WriteTx) error {
		for i := range 600 {
			o := object("bob", 1, fmt.Sprintf("packs/%d", i), byte(i))
			o.Content[20], o.Content[21] = byte(i), byte(i>>8)
			if err := tx.Vaults().Put(o); err != nil {
				return err
			}
			if i%2 == 0 {
				if err := tx.Vaults().Delete(deletion(o, 0, never)); err != nil {
					return err
				}
			}
		}
		return errors.Join(tx.Vaults().Put(object("bobby", 1, "config", 1)), tx.Vaults().Close("bob", start.Unix()+60), tx.Vaults().Close("bobby", start.Unix()+60), tx.Vaults().Close("bobby", 0))
	})
	want(t, expireAll(t, s, start).Rows, 0)
	gone := expireAll(t, s, start.Add(2*time.Minute))
	want(t, gone.Rows, 600)
	want(t, len(gone.Blobs), 600)
	want(t, len(vaultRows(t, s, "bob")), 0)
	want(t, vaultRows(t, s, "bobby"), []server.VaultRow{{Name: "bobby", Vault: 1, Objects: 1, Bytes: 8192}})
	view(t, s, func(tx server.ReadTx) error {
		usage, err := tx.Usage()
		want(t, usage, server.Usage{VaultBytes: 8192})
		return err
	})
}
