// SPDX-License-Identifier: AGPL-3.0-or-later

package vaulttest_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/securecrypt/securecrypt/vault/internal/vaulttest"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

func TestBackupAndRestore(t *testing.T) {
	dir, store, p := t.TempDir(), storagetest.NewMemory(), vaulttest.NewPerson(t)
	for i, size := range []int{0, 1, 1000, 65536, 65537, 300000, 5 << 20} {
		vaulttest.Write(t, filepath.Join(dir, "random", fmt.Sprint(size)), vaulttest.Random(uint64(i), size))
		vaulttest.Write(t, filepath.Join(dir, "text", fmt.Sprint(size)), vaulttest.Text(uint64(i), size))
	}
	for i := range 600 {
		vaulttest.Write(t, filepath.Join(dir, "many", fmt.Sprintf("file %d", i)), vaulttest.Text(uint64(i), i%700))
	}
	v := p.Create(t, store)
	first := vaulttest.Backup(t, v, dir)
	want := vaulttest.Listing(t, dir)
	vaulttest.SameTrees(t, want, vaulttest.Listing(t, vaulttest.Restore(t, p.Open(t, store), first.Seq, dir)))
	packs := len(store.Names("packs/"))
	second := vaulttest.Backup(t, v, dir)
	if second.Counts.Read != 0 || second.Counts.NewBytes > 4096 || len(store.Names("packs/")) > packs+1 {
		t.Errorf("an unchanged second backup: %+v", second.Counts)
	}
	vaulttest.Write(t, filepath.Join(dir, "many", "another"), []byte("new"))
	third := vaulttest.Backup(t, v, dir)
	if third.Counts.Read != 1 {
		t.Errorf("a changed third backup: %+v", third.Counts)
	}
	v = p.Open(t, store)
	vaulttest.SameTrees(t, want, vaulttest.Listing(t, vaulttest.Restore(t, v, first.Seq, dir)))
	vaulttest.SameTrees(t, vaulttest.Listing(t, dir), vaulttest.Listing(t, vaulttest.Restore(t, v, third.Seq, dir)))
}
