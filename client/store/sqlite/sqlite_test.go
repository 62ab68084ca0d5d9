// SPDX-License-Identifier: AGPL-3.0-or-later

package sqlite_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/store/sqlite"
	"github.com/securecrypt/securecrypt/client/store/storetest"
)

func TestConformance(t *testing.T) {
	dirs := map[string]string{}
	storetest.Run(t, true, func(t *testing.T) backend.Store {
		if dirs[t.Name()] == "" {
			dirs[t.Name()] = t.TempDir()
		}
		return open(t, dirs[t.Name()])
	})
}

func open(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(filepath.Join(dir, "store ?&#%.db"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDeletedValuesAreGoneFromTheFiles(t *testing.T) {
	dir := t.TempDir()
	mark := bytes.Repeat([]byte("a used key "), 30)
	s := open(t, dir)
	found := func() bool {
		for _, f := range must(os.ReadDir(dir)) {
			if bytes.Contains(must(os.ReadFile(filepath.Join(dir, f.Name()))), mark[:100]) {
				return true
			}
		}
		return false
	}
	check(t, s.Update(func(tx backend.Tx) error { return tx.Put([]byte("k"), mark) }))
	check(t, s.Close())
	if !found() {
		t.Fatal("the search does not find what is there")
	}
	s = open(t, dir)
	check(t, s.Update(func(tx backend.Tx) error { return tx.Delete([]byte("k")) }))
	check(t, s.Close())
	if found() {
		t.Error("a deleted value is still in the files")
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A file that is no store any more says so.
func TestDamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "profile.db")
	if err := os.WriteFile(path, bytes.Repeat([]byte("rubbish "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(path); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("error %v", err)
	}
}
