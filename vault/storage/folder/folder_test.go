// SPDX-License-Identifier: AGPL-3.0-or-later

package folder

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/bandwidth"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

func TestFolderConforms(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) func() storage.Storage {
		dir := t.TempDir()
		if _, err := Create(dir); err != nil {
			t.Fatal(err)
		}
		return func() storage.Storage { return &Folder{path: dir, dirty: map[string]bool{}} }
	})
}

// tempOnly is a folder on a system without files that have no name.
type tempOnly struct {
	*Folder
	move func(temp, path string) error
}

func (f tempOnly) Create(ctx context.Context, name string, data []byte) error {
	path, err := f.file(name)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := f.createByTemp(ctx, path, data, f.move); err != nil {
		return classify(name, err)
	}
	f.markDirty(filepath.Dir(path))
	return nil
}

func TestFolderConformsWithTemporaryFiles(t *testing.T) {
	for name, move := range map[string]func(string, string) error{"links": linkTemp, "renames": func(temp, path string) error {
		err := renameNoReplace(temp, path)
		if errors.Is(err, fs.ErrExist) {
			return errors.Join(err, os.Remove(temp))
		}
		return err
	}} {
		t.Run(name, func(t *testing.T) {
			storagetest.Run(t, func(t *testing.T) func() storage.Storage {
				dir := t.TempDir()
				if _, err := Create(dir); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if left, err := os.ReadDir(filepath.Join(dir, tempFolder)); err == nil && len(left) > 0 {
						t.Errorf("%d temporary files are left", len(left))
					}
				})
				return func() storage.Storage { return tempOnly{&Folder{path: dir, dirty: map[string]bool{}}, move} }
			})
		})
	}
}

func TestFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "vault")
	f, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config", "keys/1", "log/1", "packs/1"} {
		if err := f.Create(t.Context(), name, []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Replace(t.Context(), "packs/2", []byte("x")); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestCreateRefusesAFolderInUse(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "letter.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir); err == nil {
		t.Error("a folder with a file in it became a vault")
	}
	if _, err := Open(dir); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("opening a folder without a vault: %v", err)
	}
	begun := t.TempDir()
	for range 2 { // the first may have been interrupted
		if _, err := Create(begun); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCleanRemovesTemporaryFilesAndWritersGoOn(t *testing.T) {
	f, err := Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	removed := false
	err = f.createByTemp(t.Context(), filepath.Join(f.path, "packs", "1"), []byte("x"), func(temp, path string) error {
		if !removed { // another process cleans between writing and linking
			removed = true
			if err := f.Clean(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		return linkTemp(temp, path)
	})
	if err != nil || !removed {
		t.Fatalf("creating while another process cleans: %v", err)
	}
	if got, err := f.Read(t.Context(), "packs/1", 0, 1); err != nil || string(got) != "x" {
		t.Errorf("read %q, %v", got, err)
	}
}

// A copy of a vault may lack the folders that were empty.
func TestMissingFoldersAreMade(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	f, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "probe")); err != nil {
		t.Fatal(err)
	}
	if err := f.List(ctx, "probe/", func(name string, _ int64) error { return errors.New(name) }); err != nil {
		t.Errorf("listing a folder that is not there: %v", err)
	}
	if err := f.Create(ctx, "probe/1", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := f.Create(ctx, "probe/1", []byte("y")); !errors.Is(err, storage.ErrExists) {
		t.Errorf("creating a name that is taken: %v", err)
	}
	if err := f.Sync(ctx); err != nil {
		t.Error(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := f.Create(ctx, "probe/2", []byte("x")); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("creating in a vault that is gone: %v", err)
	}
}

func TestFolderIsLimited(t *testing.T) {
	storagetest.RunLimited(t, func(t *testing.T, l *bandwidth.Limits) storage.Storage {
		f, err := Create(filepath.Join(t.TempDir(), "vault"))
		if err != nil {
			t.Fatal(err)
		}
		f.Limit(l)
		return f
	})
}
