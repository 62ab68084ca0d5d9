// SPDX-License-Identifier: AGPL-3.0-or-later

package vaulttest_test

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/backup"
	"github.com/securecrypt/securecrypt/vault/internal/vaulttest"
	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
	"github.com/securecrypt/securecrypt/vault/vaultcopy"
)

// uses are operations on the vault of a world, by another storage.
var uses = map[string]func(w *world, s storage.Storage) error{
	"backup": func(w *world, s storage.Storage) error {
		v, err := vault.Open(w.t.Context(), w.person.Params(s))
		if err != nil {
			return err
		}
		r, err := backup.Run(context.Background(), v, vaulttest.Options(w.dir), nil)
		if err == nil {
			w.digests[r.Seq] = vaulttest.MustDigest(w.t, w.person.Open(w.t, w.store), r.Seq)
		}
		return err
	},
	"prune": func(w *world, s storage.Storage) error {
		v, err := vault.Open(w.t.Context(), w.person.Params(s))
		if err == nil {
			_, err = v.Prune(w.t.Context(), vault.PruneOptions{})
		}
		return err
	},
	"check": func(w *world, s storage.Storage) error {
		v, err := vault.Open(w.t.Context(), w.person.Params(s))
		if err != nil {
			return err
		}
		r, err := v.Check(w.t.Context(), vault.CheckOptions{Repair: true})
		if err == nil && r.Bad() {
			err = r.Problems[0].Err
		}
		return err
	},
	"copy": func(w *world, s storage.Storage) error {
		v, err := vault.Open(w.t.Context(), w.person.Params(s))
		if err == nil {
			other, store := otherVault(w.t)
			_, err = vaultcopy.Run(w.t.Context(), v, other.Open(w.t, store), vaultcopy.Options{}, nil)
		}
		return err
	},
}

// TestListingsLie has a storage whose listing is false while a vault is used: every
// operation fails or does its work, and no snapshot that was acknowledged is harmed.
func TestListingsLie(t *testing.T) {
	base := newWorld(t)
	base.history()
	base.write("new", vaulttest.Random(40, 100<<10))
	about := []string{"packs/", ""}
	if testing.Short() {
		about = about[:1]
	}
	refused := 0
	for _, lie := range slices.Sorted(maps.Keys(storagetest.Lies)) {
		for what, use := range uses {
			if testing.Short() && (what == "backup" || what == "copy") {
				continue
			}
			for _, only := range about {
				w := &world{t: t, dir: base.dir, person: base.person, store: base.store.Clone(), digests: maps.Clone(base.digests)}
				err := use(w, &storagetest.Liar{Storage: w.store, Only: only, Lie: storagetest.Lies[lie]})
				t.Logf("%s with a listing of %q that %s: %v", what, only, lie, err)
				if err != nil {
					refused++
				}
				w.intact(w.store, what+" with a listing that "+lie)
			}
		}
	}
	if refused < 5 { // packs that are missing, and those with other sizes
		t.Errorf("%d lies were noticed: the test is no test", refused)
	}
}
