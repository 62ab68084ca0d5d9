// SPDX-License-Identifier: AGPL-3.0-or-later

package mountfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/backup"
	"github.com/securecrypt/securecrypt/vault/internal/vaulttest"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

// mounted mounts a vault until the test ends. Where this system forbids it, the
// test is skipped.
func mounted(t *testing.T, v *vault.Vault, o Options) (string, *Server) {
	t.Helper()
	dir := t.TempDir()
	if o.Warn == nil {
		o.Warn = func(path string, err error) { t.Errorf("%q: %v", path, err) }
	}
	s, err := Mount(context.Background(), dir, v, o)
	switch {
	case errors.Is(err, ErrNoDevice), errors.Is(err, ErrNoHelper), errors.Is(err, syscall.EPERM):
		t.Skipf("nothing can be mounted here: %v", err)
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if busy, err := s.Unmount(); busy || err != nil {
			t.Errorf("unmounting: busy %v, %v", busy, err)
		}
	})
	return dir, s
}

// TestMountShowsFilesAsTheyAre compares everything that a file system has with what
// was backed up: names, modes, owners, times, extended attributes, links, holes.
func TestMountShowsFilesAsTheyAre(t *testing.T) {
	source, store, p := t.TempDir(), storagetest.NewMemory(), vaulttest.NewPerson(t)
	vaulttest.HostileTree(t, source)
	for i := range 3000 { // several pages
		vaulttest.Write(t, filepath.Join(source, "many", fmt.Sprintf("file %d", i)), vaulttest.Text(uint64(i), i%300))
	}
	vaulttest.Write(t, filepath.Join(source, "large"), vaulttest.Random(7, 25<<20)) // more chunks than an entry has room for
	v := p.Create(t, store)
	vaulttest.Backup(t, v, source)
	want := vaulttest.Listing(t, source)
	dir, _ := mounted(t, p.Open(t, store), Options{})
	vaulttest.SameTrees(t, want, vaulttest.Listing(t, filepath.Join(dir, "latest", source)))
	vaulttest.SameTrees(t, want, vaulttest.Listing(t, filepath.Join(dir, "latest", source))) // from caches
	for _, name := range []string{"large", "new"} {
		if f, err := os.OpenFile(filepath.Join(dir, "latest", source, name), os.O_RDWR|os.O_CREATE, 0o600); !errors.Is(err, syscall.EROFS) {
			t.Errorf("%s was opened for writing: %v", name, err)
			_ = f.Close()
		}
	}
	if err := os.Remove(filepath.Join(dir, "latest", source, "large")); !errors.Is(err, syscall.EROFS) {
		t.Errorf("a file was removed: %v", err)
	}
}

// TestMountListsSnapshots looks for snapshots of two devices by time and by device.
func TestMountListsSnapshots(t *testing.T) {
	source, store, p := t.TempDir(), storagetest.NewMemory(), vaulttest.NewPerson(t)
	vaulttest.Write(t, filepath.Join(source, "file"), []byte("one"))
	v := p.Create(t, store)
	first := vaulttest.Backup(t, v, source)
	other, v := p.Join(t, store)
	vaulttest.Write(t, filepath.Join(source, "file"), []byte("second"))
	second := vaulttest.Backup(t, v, source)
	v = p.Open(t, store)
	dir, _ := mounted(t, v, Options{})
	read := func(path ...string) string {
		b, err := os.ReadFile(filepath.Join(append([]string{dir}, path...)...))
		vaulttest.Must(t, err)
		return string(b)
	}
	file := filepath.Join(source, "file")
	when := vaulttest.Time.Format("2006-01-02T15-04-05Z")
	firstDevice, secondDevice := "first_"+p.Device.Public("").ID().String()[:16], "second_"+other.Device.Public("").ID().String()[:16]
	for want, paths := range map[string][][]string{
		"one":    {{"times", fmt.Sprintf("%s_%d", when, first.Seq), file}, {"devices", firstDevice, "latest", file}},
		"second": {{"times", fmt.Sprintf("%s_%d", when, second.Seq), file}, {"devices", secondDevice, "latest", file}, {"latest", file}},
	} {
		for _, path := range paths {
			if got := read(path...); got != want {
				t.Errorf("%q has %q, want %q", path, got, want)
			}
		}
	}
	for path, want := range map[string]int{".": 3, "times": 2, "devices": 2, "devices/" + secondDevice: 2} {
		if entries, err := os.ReadDir(filepath.Join(dir, path)); err != nil || len(entries) != want {
			t.Errorf("%s has %v (%v), want %d", path, entries, err, want)
		}
	}
	s, err := v.Snapshot(fmt.Sprint(first.Seq))
	vaulttest.Must(t, err)
	alone, _ := mounted(t, v, Options{Snapshot: s})
	if b, err := os.ReadFile(filepath.Join(alone, file)); err != nil || string(b) != "one" {
		t.Errorf("one snapshot alone: %q, %v", b, err)
	}
}

// TestMountNamesWhatIsDamaged damages a file beyond repair: reading it is an error
// that is told once, and all else can be read.
func TestMountNamesWhatIsDamaged(t *testing.T) {
	source, store, p := t.TempDir(), storagetest.NewMemory(), vaulttest.NewPerson(t)
	v := p.Create(t, store)
	vaulttest.Write(t, filepath.Join(source, "lost"), vaulttest.Random(1, 300_000))
	vaulttest.Backup(t, v, source)
	pack := store.Names("packs/")[0]
	vaulttest.Write(t, filepath.Join(source, "whole"), vaulttest.Random(2, 300_000))
	vaulttest.Backup(t, v, source)
	store.Edit(pack, func(b []byte) []byte {
		for i := range 200_000 {
			b[i] ^= 1
		}
		return b
	})
	var mu sync.Mutex
	var told []string
	dir, _ := mounted(t, p.Open(t, store), Options{Warn: func(path string, err error) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, path)
		if !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("%s: %v", path, err)
		}
	}})
	for range 2 {
		if _, err := os.ReadFile(filepath.Join(dir, "latest", source, "lost")); !errors.Is(err, syscall.EIO) {
			t.Errorf("reading what is damaged: %v", err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "latest", source, "whole")); err != nil || string(b) != string(vaulttest.Random(2, 300_000)) {
		t.Errorf("reading what is whole: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(told) != 1 || !strings.HasPrefix(told[0], "times/") || !strings.HasSuffix(told[0], source+"/lost") {
		t.Errorf("told of %q", told)
	}
}

// TestMountEndsWhenItIsUnmounted has somebody else unmount the directory, and ends
// a mount that is in use.
func TestMountEndsWhenItIsUnmounted(t *testing.T) {
	source, store, p := t.TempDir(), storagetest.NewMemory(), vaulttest.NewPerson(t)
	vaulttest.Write(t, filepath.Join(source, "file"), []byte("content"))
	v := p.Create(t, store)
	vaulttest.Backup(t, v, source)
	dir, s := mounted(t, v, Options{})
	vaulttest.Must(t, syscall.Unmount(dir, 0))
	s.Wait(t.Context())
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("after it was unmounted: %v, %v", entries, err)
	}

	used := t.TempDir()
	s, err := Mount(t.Context(), used, v, Options{})
	vaulttest.Must(t, err)
	f, err := os.Open(filepath.Join(used, "latest", source, "file"))
	vaulttest.Must(t, err)
	if busy, err := s.Unmount(); !busy || err != nil {
		t.Errorf("unmounting while a file is open: busy %v, %v", busy, err)
	}
	if entries, err := os.ReadDir(used); err != nil || len(entries) > 0 {
		t.Errorf("after it was taken out: %v, %v", entries, err)
	}
	vaulttest.Must(t, f.Close())
}

// TestMountNeedsAnEmptyFolder tries places that cannot be mounted on.
func TestMountNeedsAnEmptyFolder(t *testing.T) {
	store, p := storagetest.NewMemory(), vaulttest.NewPerson(t)
	v := p.Create(t, store)
	full := t.TempDir()
	vaulttest.Write(t, filepath.Join(full, "file"), []byte("x"))
	for _, dir := range []string{full, filepath.Join(full, "file")} {
		if _, err := Mount(t.Context(), dir, v, Options{}); !errors.Is(err, ErrMountPoint) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if _, err := Mount(t.Context(), filepath.Join(full, "none"), v, Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// TestKernelForgetsFiles walks over more files than the kernel may remember.
func TestKernelForgetsFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("it walks over 60,000 files")
	}
	source, store, p := t.TempDir(), storagetest.NewMemory(), vaulttest.NewPerson(t)
	const files = maxNames + 10_000
	for i := range files {
		vaulttest.Must(t, os.WriteFile(filepath.Join(source, fmt.Sprint(i)), nil, 0o600))
	}
	v := p.Create(t, store)
	_, err := backup.Run(t.Context(), v, vaulttest.Options(source), nil)
	vaulttest.Must(t, err)
	dir, s := mounted(t, v, Options{})
	walk := func() (n int) {
		f, err := os.Open(filepath.Join(dir, "latest", source))
		vaulttest.Must(t, err)
		defer func() { _ = f.Close() }()
		for {
			infos, err := f.Readdir(1000) // a stat of each
			n += len(infos)
			if errors.Is(err, io.EOF) {
				return n
			}
			vaulttest.Must(t, err)
		}
	}
	if n := walk(); n != files {
		t.Errorf("%d files are shown, want %d", n, files)
	}
	deadline := time.Now().Add(time.Minute)
	for live := files; live > maxNames; {
		if time.Now().After(deadline) {
			t.Fatalf("the kernel remembers %d files", live)
		}
		if _, err := os.Lstat(filepath.Join(dir, fmt.Sprint(live))); err == nil { // a request, behind what the kernel forgets
			t.Fatal("a file is shown that no snapshot has")
		}
		s.names.mu.Lock()
		live = s.names.live
		s.names.mu.Unlock()
	}
	if n := walk(); n != files {
		t.Errorf("%d files are shown after some were forgotten, want %d", n, files)
	}
}
