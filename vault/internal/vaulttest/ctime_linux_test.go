// SPDX-License-Identifier: AGPL-3.0-or-later

package vaulttest_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/securecrypt/securecrypt/vault/backup"
	"github.com/securecrypt/securecrypt/vault/internal/vaulttest"
)

// notes is a cache in memory.
type notes struct {
	parts           map[int][]byte
	loaded, storing error // what Load and Store return, if not nil
}

func newNotes() *notes { return &notes{parts: map[int][]byte{}} }

func (n *notes) Load(part int) ([]byte, error) { return n.parts[part], n.loaded }

func (n *notes) Store(part int, b []byte) error {
	if n.storing != nil {
		return n.storing
	}
	if n.parts[part] = b; len(b) == 0 {
		delete(n.parts, part)
	}
	return nil
}

func (n *notes) size() (size int) {
	for _, b := range n.parts {
		size += len(b)
	}
	return size
}

// backupWith makes a snapshot with a cache.
func (w *world) backupWith(c backup.Cache, dir string, force bool) *backup.Result {
	w.t.Helper()
	o := vaulttest.Options(dir)
	o.Cache, o.Force = c, force
	r, err := backup.Run(w.t.Context(), w.person.Open(w.t, w.store), o, nil)
	vaulttest.Must(w.t, err)
	return r
}

// keepTime runs change, and sets the modification time of a file back.
func keepTime(t *testing.T, path string, change func()) {
	i, err := os.Lstat(path)
	vaulttest.Must(t, err)
	change()
	vaulttest.Must(t, os.Chtimes(path, i.ModTime(), i.ModTime()))
}

// TestReasonsToRead covers line 15: a file is read again if its size or modification
// time differ, or its time of change does and nothing explains that.
func TestReasonsToRead(t *testing.T) {
	w, c := newWorld(t), newNotes()
	for _, name := range []string{"same", "size", "time", "content", "mode", "owner", "inode", "names", "xattr"} {
		w.write(name, vaulttest.Text(1, 1000))
	}
	w.write("empty", nil)
	path := func(name string) string { return filepath.Join(w.dir, name) }
	if r := w.backupWith(c, w.dir, false); r.CacheErr != nil || r.Reasons != (backup.Reasons{New: 9}) {
		t.Fatalf("the first backup: %+v, %v", r.Reasons, r.CacheErr)
	}
	if r := w.backupWith(c, w.dir, false); r.Counts.Read != 0 || r.Reasons != (backup.Reasons{Unchanged: 9}) {
		t.Fatalf("an unchanged second backup: %+v", r.Reasons)
	}
	want := backup.Reasons{New: 1, Size: 1, Time: 1, Change: 1, Mode: 1, Inode: 1, Names: 1, Unchanged: 1}
	w.write("new", []byte("new"))
	w.write("size", vaulttest.Text(2, 2000))
	vaulttest.Must(t, os.Chtimes(path("time"), vaulttest.Time, vaulttest.Time))
	keepTime(t, path("content"), func() { w.write("content", vaulttest.Text(3, 1000)) })
	vaulttest.Must(t, os.Chmod(path("mode"), 0o640))
	keepTime(t, path("inode"), func() {
		vaulttest.Must(t, os.Rename(path("inode"), path("old inode")))
		w.write("inode", vaulttest.Text(1, 1000))
		i, err := os.Lstat(path("old inode"))
		vaulttest.Must(t, err)
		vaulttest.Must(t, os.Chtimes(path("inode"), i.ModTime(), i.ModTime()))
	})
	old, err := os.Lstat(path("old inode"))
	vaulttest.Must(t, err)
	vaulttest.Must(t, os.Chtimes(path("inode"), old.ModTime(), old.ModTime()))
	vaulttest.Must(t, os.Rename(path("old inode"), filepath.Join(t.TempDir(), "elsewhere"))) // its inode is not given again
	other := filepath.Join(t.TempDir(), "other name")
	vaulttest.Must(t, os.Link(path("names"), other))
	if err := unix.Setxattr(path("xattr"), "user.test", []byte("x"), 0); err == nil {
		want.Xattrs++
	} else {
		t.Logf("no extended attributes: %v", err)
		want.Unchanged++
	}
	if os.Getuid() == 0 {
		vaulttest.Must(t, os.Chown(path("owner"), 1234, 1234))
		want.Owner++
	} else {
		t.Log("changing an owner needs root")
		want.Unchanged++
	}
	r := w.backupWith(c, w.dir, false)
	if r.Reasons != want || r.Counts.Read != 4 {
		t.Errorf("%d files were read: %+v, want %+v", r.Counts.Read, r.Reasons, want)
	}
	vaulttest.Must(t, os.Remove(other))
	v := w.person.Open(t, w.store)
	vaulttest.SameTrees(t, vaulttest.Listing(t, w.dir), vaulttest.Listing(t, vaulttest.Restore(t, v, r.Seq, w.dir)))
	if r := w.backupWith(c, w.dir, false); r.Reasons != (backup.Reasons{Unchanged: 9, Names: 1}) {
		t.Errorf("once it is explained: %+v", r.Reasons)
	}
	if r := w.backupWith(c, w.dir, true); r.Reasons != (backup.Reasons{Forced: 10}) || r.Counts.Read != 10 {
		t.Errorf("forced: %+v, %d read", r.Reasons, r.Counts.Read)
	}
}

// TestCacheIsSmallAndDispensable covers line 19: a cache takes less than 64 bytes a
// file, and a backup does as well without it as it can.
func TestCacheIsSmallAndDispensable(t *testing.T) {
	w, c := newWorld(t), newNotes()
	for i := range 500 {
		w.write(fmt.Sprintf("dir %d/%d", i%7, i), vaulttest.Random(uint64(i), 10))
	}
	w.backupWith(c, w.dir, false)
	full := c.parts[0]
	if n := c.size(); n == 0 || n > 64*500 {
		t.Errorf("the cache has %d bytes for 500 files", n)
	}
	damaged := append([]byte(nil), full...)
	damaged[1] = 200
	disk := &fs.PathError{Op: "write", Path: "files.0", Err: syscall.ENOSPC}
	for what, test := range map[string]struct {
		notes  *notes
		failed bool
	}{
		"deleted":    {newNotes(), false},
		"damaged":    {&notes{parts: map[int][]byte{0: damaged}}, true},
		"cut off":    {&notes{parts: map[int][]byte{0: full[:len(full)-5]}}, true},
		"of zeros":   {&notes{parts: map[int][]byte{0: make([]byte, 1000)}}, true},
		"not read":   {&notes{parts: map[int][]byte{}, loaded: fs.ErrPermission}, true},
		"read-only":  {&notes{parts: map[int][]byte{0: full}, storing: fs.ErrPermission}, true},
		"no room":    {&notes{parts: map[int][]byte{0: full}, storing: disk}, true},
		"all is bad": {&notes{parts: map[int][]byte{0: damaged}, loaded: disk, storing: disk}, true},
	} {
		r := w.backupWith(test.notes, w.dir, false)
		if (r.CacheErr != nil) != test.failed || r.Counts.Read != 0 || r.Reasons != (backup.Reasons{Unchanged: 500}) {
			t.Errorf("%s: %+v, %v", what, r.Reasons, r.CacheErr)
		}
		if test.notes.storing == nil && test.notes.size() != len(full) {
			t.Errorf("%s: the cache has %d bytes afterwards, want %d", what, test.notes.size(), len(full))
		}
	}
}

// TestCacheForgetsFiles covers line 19: files that are gone leave the cache, and those
// of other backups stay.
func TestCacheForgetsFiles(t *testing.T) {
	w, c := newWorld(t), newNotes()
	for i := range 100 {
		w.write(fmt.Sprintf("a/%d", i), []byte("a"))
		w.write(fmt.Sprintf("b/%d", i), []byte("b"))
	}
	a, b := filepath.Join(w.dir, "a"), filepath.Join(w.dir, "b")
	w.backupWith(c, a, false)
	w.backupWith(c, b, false)
	both := c.size()
	for i := range 50 {
		vaulttest.Must(t, os.Remove(filepath.Join(a, fmt.Sprint(i))))
	}
	w.backupWith(c, a, false)
	if n := c.size(); n != both-50*24 {
		t.Errorf("the cache has %d bytes without 50 files, and %d with them", n, both)
	}
	keepTime(t, filepath.Join(b, "7"), func() { w.write("b/7", []byte("c")) })
	if r := w.backupWith(c, b, false); r.Reasons.Change != 1 {
		t.Errorf("the other backup: %+v", r.Reasons)
	}
	for i := range 40 { // more sets of paths than the cache tells apart
		dir := t.TempDir()
		vaulttest.Write(t, filepath.Join(dir, "file"), []byte(fmt.Sprint(i)))
		w.backupWith(c, dir, false)
	}
	if n := c.size(); n > 32*(24+9)+2 {
		t.Errorf("the cache has %d bytes of the last sets", n)
	}
}

// TestParentsOfOtherDevicesAreNotTaken covers line 6: a stolen device publishes a
// snapshot of the same paths with other content, and no later backup takes it over.
func TestParentsOfOtherDevicesAreNotTaken(t *testing.T) {
	w := newWorld(t)
	w.write("file", []byte("mine"))
	thief, _ := w.person.Join(t, w.store)
	path := filepath.Join(w.dir, "file")
	keepTime(t, path, func() { w.write("file", []byte("evil")) })
	vaulttest.Backup(t, thief.Open(t, w.store), w.dir)
	keepTime(t, path, func() { w.write("file", []byte("mine")) })
	for range 2 {
		r := vaulttest.Backup(t, w.person.Open(t, w.store), w.dir)
		target := vaulttest.Restore(t, w.person.Open(t, w.store), r.Seq, w.dir)
		if b, err := os.ReadFile(filepath.Join(target, "file")); err != nil || string(b) != "mine" {
			t.Errorf("snapshot %d has %q, %v", r.Seq, b, err)
		}
	}
}
