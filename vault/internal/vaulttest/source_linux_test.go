// SPDX-License-Identifier: AGPL-3.0-or-later

package vaulttest_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/vault/backup"
	"github.com/securecrypt/securecrypt/vault/internal/vaulttest"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

// partsInMemory is a backup.Cache.
type partsInMemory map[int][]byte

func (c partsInMemory) Load(part int) ([]byte, error) { return c[part], nil }
func (c partsInMemory) Store(part int, b []byte) error {
	c[part] = append([]byte(nil), b...)
	return nil
}

// TestBackupOfAnotherRoot backs up directories as roots of file systems, as imports
// do: snapshots have the times and paths that are given, and files are read again
// unless their times of change are known to be the same.
func TestBackupOfAnotherRoot(t *testing.T) {
	first, store, p := t.TempDir(), storagetest.NewMemory(), vaulttest.NewPerson(t)
	v := p.Create(t, store)
	for _, name := range []string{"home/same", "home/changes", "other"} {
		vaulttest.Write(t, filepath.Join(first, name), []byte("a content"))
	}
	when := vaulttest.Time.AddDate(-3, 0, 0)
	run := func(source string, cache backup.Cache, at time.Time) *backup.Result {
		t.Helper()
		r, err := backup.Run(t.Context(), v, backup.Options{Source: source, Paths: []string{"/home"}, Host: "elsewhere", Time: at, Strict: true, Cache: cache, Now: vaulttest.Now}, nil)
		vaulttest.Must(t, err)
		return r
	}
	cache := partsInMemory{}
	a := run(first, cache, when)
	s := v.State().Snapshots[a.Seq]
	if s.Time != when.Unix() || s.Body.Began != when.Unix() || s.Body.Host != "elsewhere" || string(s.Body.Paths[0]) != "/home" {
		t.Errorf("the snapshot is %+v", s)
	}
	vaulttest.SameTrees(t, vaulttest.Listing(t, first), vaulttest.Listing(t, vaulttest.Restore(t, v, a.Seq, "")))

	path := filepath.Join(first, "home/changes")
	before, err := os.Stat(path)
	vaulttest.Must(t, err)
	vaulttest.Write(t, path, []byte("9 letters"))
	vaulttest.Must(t, os.Chtimes(path, before.ModTime(), before.ModTime()))
	second := filepath.Join(t.TempDir(), "moved") // at another path, as a mount is
	vaulttest.Must(t, os.Rename(first, second))
	b := run(second, cache, when.AddDate(0, 1, 0))
	if b.Counts.Read != 1 || b.Reasons.Change != 1 || b.Reasons.Unchanged != 2 {
		t.Errorf("a second run read %d files: %+v", b.Counts.Read, b.Reasons)
	}
	vaulttest.SameTrees(t, vaulttest.Listing(t, second), vaulttest.Listing(t, vaulttest.Restore(t, v, b.Seq, "")))
	if c := run(second, partsInMemory{}, when.AddDate(0, 2, 0)); c.Counts.Read != 3 {
		t.Errorf("without what was noted, %d files were read", c.Counts.Read)
	}
}
