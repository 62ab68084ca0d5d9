// SPDX-License-Identifier: AGPL-3.0-or-later

package vaulttest_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/vault/backup"
	"github.com/securecrypt/securecrypt/vault/internal/vaulttest"
	"github.com/securecrypt/securecrypt/vault/localfs"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
	"github.com/securecrypt/securecrypt/vault/vaultcopy"
)

// TestHostileTree covers lines 13 and 14, and runs as the user that tests run as;
// TestHostileTreeAsUser has it run as another one.
func TestHostileTree(t *testing.T) {
	if testing.Short() && os.Getenv(asUserVar) == "" && os.Getuid() != 0 {
		t.Log("not root: owners and devices are left out")
	}
	dir, store, p := t.TempDir(), storagetest.NewMemory(), vaulttest.NewPerson(t)
	vaulttest.HostileTree(t, dir)
	v := p.Create(t, store)
	r := vaulttest.Backup(t, v, dir)
	if r.Counts.Unreadable > 0 || r.Counts.Changed > 0 {
		t.Errorf("%+v", r.Counts)
	}
	want := vaulttest.Listing(t, dir)
	target := vaulttest.Restore(t, p.Open(t, store), r.Seq, dir)
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(target, "modes/read-only dir"), 0o755) })
	vaulttest.SameTrees(t, want, vaulttest.Listing(t, target))
	again, err := vaulttest.RestoreTo(p.Open(t, store), r.Seq, dir, target, func(path string, err error) { t.Errorf("again: %q: %v", path, err) })
	vaulttest.Must(t, err)
	if again.Same.Load() < 10 {
		t.Errorf("a second restore wrote all but %d files", again.Same.Load())
	}
	vaulttest.SameTrees(t, want, vaulttest.Listing(t, target))
	second := vaulttest.Backup(t, p.Open(t, store), dir)
	if second.Counts.Read != 0 {
		t.Errorf("a second backup read %d files", second.Counts.Read)
	}
	copied := vaulttest.Options(target) // line 15: a copy has the same pages
	v = p.Open(t, store)
	third, err := backup.Run(t.Context(), v, copied, nil)
	vaulttest.Must(t, err)
	if third.Counts.NewBytes > 8192 {
		t.Errorf("a backup of the restored tree adds %d bytes", third.Counts.NewBytes)
	}
}

const asUserVar = "VAULT_TEST_AS_USER"

// TestHostileTreeAsUser runs TestHostileTree, and tests of what users may not
// read, as a user who is not root.
func TestHostileTreeAsUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("becoming another user needs root; TestHostileTree ran as a user")
	}
	program, err := os.Executable()
	vaulttest.Must(t, err)
	dir, err := os.MkdirTemp("/tmp", "vault-as-user-")
	vaulttest.Must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b, err := os.ReadFile(program)
	vaulttest.Must(t, err)
	vaulttest.Must(t, os.WriteFile(filepath.Join(dir, "test"), b, 0o755))
	vaulttest.Must(t, os.Chmod(dir, 0o755))
	vaulttest.Must(t, os.Mkdir(filepath.Join(dir, "tmp"), 0o755))
	vaulttest.Must(t, os.Chown(filepath.Join(dir, "tmp"), 12345, 12345))
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "test"), "-test.run", "^(TestHostileTree|TestUnreadableFiles)$", "-test.v")
	cmd.Dir, cmd.Env = filepath.Join(dir, "tmp"), append(os.Environ(), "TMPDIR="+filepath.Join(dir, "tmp"), asUserVar+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 12345, Gid: 12345}}
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestUnreadableFiles")) || !bytes.Contains(out, []byte("--- PASS: TestHostileTree")) {
		t.Fatalf("as a user: %v\n%s", err, out)
	}
}

// TestUnreadableFiles covers line 13 and line 17: what cannot be read is named and
// counted, and everything else is there.
func TestUnreadableFiles(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads everything; TestHostileTreeAsUser runs this as a user")
	}
	dir, store, p := t.TempDir(), storagetest.NewMemory(), vaulttest.NewPerson(t)
	vaulttest.Write(t, filepath.Join(dir, "closed"), []byte("x"))
	vaulttest.Write(t, filepath.Join(dir, "open"), []byte("y"))
	vaulttest.Write(t, filepath.Join(dir, "closed dir/file"), []byte("z"))
	vaulttest.Must(t, os.Chmod(filepath.Join(dir, "closed"), 0))
	vaulttest.Must(t, os.Chmod(filepath.Join(dir, "closed dir"), 0))
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "closed dir"), 0o700) })
	v := p.Create(t, store)
	named := make(chan string, 10)
	o := vaulttest.Options(dir)
	o.Warn = func(path string, err error) {
		if !errors.Is(err, os.ErrPermission) {
			t.Errorf("%s: %v", path, err)
		}
		named <- filepath.Base(path)
	}
	r, err := backup.Run(t.Context(), v, o, nil)
	vaulttest.Must(t, err)
	if r.Counts.Unreadable != 2 || len(named) != 2 {
		t.Errorf("%d are counted as unreadable, %d named", r.Counts.Unreadable, len(named))
	}
	if s, err := v.Snapshot("latest"); err != nil || s.Body.Counts.Unreadable != 2 {
		t.Errorf("the snapshot says %+v, %v", s, err)
	}
	progress, err := vaulttest.RestoreTo(v, r.Seq, dir, t.TempDir(), func(string, error) {})
	vaulttest.Must(t, err)
	if progress.Failed.Load() != 1 || progress.Files.Load() != 1 {
		t.Errorf("restored %d files, and %d failed", progress.Files.Load(), progress.Failed.Load())
	}
	vaulttest.Must(t, os.Chmod(filepath.Join(dir, "closed"), 0o600))
	r = vaulttest.Backup(t, v, dir)
	if r.Counts.Read != 1 {
		t.Errorf("once it can be read, %d files are read", r.Counts.Read)
	}
}

// TestHugeHole covers line 14: a hole of 50 GiB is neither read nor written.
func TestHugeHole(t *testing.T) {
	dir, store, p := t.TempDir(), storagetest.NewMemory(), vaulttest.NewPerson(t)
	vaulttest.Sparse(t, filepath.Join(dir, "image"), 50<<30, map[int64]int{0: 4096, 25 << 30: 4096})
	v := p.Create(t, store)
	progress := new(backup.Progress)
	r, err := backup.Run(t.Context(), v, vaulttest.Options(dir), progress)
	vaulttest.Must(t, err)
	if r.Counts.NewBytes > 64<<10 || r.Counts.Bytes != 50<<30 {
		t.Errorf("%+v", r.Counts)
	}
	vaulttest.SameTrees(t, holes(t, dir), holes(t, vaulttest.Restore(t, v, r.Seq, dir)))
}

// holes describes the extents of the files of a directory, and reads none.
func holes(t *testing.T, dir string) (out []string) {
	f, err := os.Open(filepath.Join(dir, "image"))
	vaulttest.Must(t, err)
	defer func() { _ = f.Close() }()
	i, err := localfs.StatFile(f)
	vaulttest.Must(t, err)
	vaulttest.Must(t, localfs.Extents(f, int64(i.Size), func(offset, length int64) error {
		out = append(out, fmt.Sprint(offset, length))
		return nil
	}))
	return append(out, fmt.Sprint(i.Size))
}

// TestLongPaths backs up a path of more than 4,096 bytes, which no system call
// takes as a whole.
func TestLongPaths(t *testing.T) {
	dir, store, p := t.TempDir(), storagetest.NewMemory(), vaulttest.NewPerson(t)
	name := strings.Repeat("d", 250)
	at, err := localfs.OpenDir(dir)
	vaulttest.Must(t, err)
	for range 20 {
		vaulttest.Must(t, at.Mkdir(name))
		next, err := at.Sub(name)
		vaulttest.Must(t, errors.Join(err, at.Close()))
		at = next
	}
	f, err := at.Create("bottom")
	vaulttest.Must(t, err)
	_, err = f.WriteString("deep")
	vaulttest.Must(t, errors.Join(err, f.Close(), at.Close()))
	v := p.Create(t, store)
	r := vaulttest.Backup(t, v, dir)
	target := vaulttest.Restore(t, v, r.Seq, dir)
	vaulttest.SameTrees(t, vaulttest.Listing(t, dir), vaulttest.Listing(t, target))
	if n := len(vaulttest.Listing(t, target)); n != 21 {
		t.Errorf("%d names", n)
	}
}

// TestChangingFiles covers line 17: files that change while they are read are read
// again, then marked, counted and named; files that vanish are left out.
func TestChangingFiles(t *testing.T) {
	dir, store, p := t.TempDir(), storagetest.NewMemory(), vaulttest.NewPerson(t)
	for i := range 50 {
		vaulttest.Write(t, filepath.Join(dir, fmt.Sprintf("vanishes %02d", i)), vaulttest.Random(uint64(i), 10))
	}
	busy := filepath.Join(dir, "busy")
	vaulttest.Write(t, busy, vaulttest.Random(1, 8<<20))
	v := p.Create(t, store)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := int64(0); ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			_ = os.Chtimes(busy, time.Unix(i, 0), time.Unix(i, i)) // each is a change
		}
	}()
	o := vaulttest.Options(dir)
	removed := false
	o.Skip = func(path string, _ *localfs.Info) bool {
		if !removed && strings.Contains(path, "vanishes") { // the names are read, and not all files
			removed = true
			for i := 25; i < 50; i++ {
				vaulttest.Must(t, os.Remove(filepath.Join(dir, fmt.Sprintf("vanishes %02d", i))))
			}
		}
		return false
	}
	named := make(chan error, 10)
	o.Warn = func(_ string, err error) { named <- err }
	r, err := backup.Run(t.Context(), v, o, nil)
	close(stop)
	<-stopped
	vaulttest.Must(t, err)
	if r.Counts.Changed != 1 || len(named) != 1 || !errors.Is(<-named, backup.ErrChanged) {
		t.Errorf("%+v", r.Counts)
	}
	if s, err := v.Snapshot("latest"); err != nil || s.Body.Counts.Changed != 1 {
		t.Errorf("the snapshot says %+v, %v", s, err)
	}
	if got := len(vaulttest.MustDigest(t, v, r.Seq)); got < 26 || got > 26+10 {
		t.Errorf("the snapshot has %d entries", got)
	}
	if again := vaulttest.Backup(t, v, dir); again.Counts.Read != 1 {
		t.Errorf("the next backup reads %d files", again.Counts.Read)
	}
}

// TestKilledRestoreIsFinished covers line 12 in part: a restore that was killed
// leaves temporary files and files that are cut off, and the next one has neither.
func TestKilledRestoreIsFinished(t *testing.T) {
	dir, store, p := t.TempDir(), storagetest.NewMemory(), vaulttest.NewPerson(t)
	for i := range 20 {
		vaulttest.Write(t, filepath.Join(dir, "d", fmt.Sprint(i)), vaulttest.Random(uint64(i), 1000*i))
	}
	v := p.Create(t, store)
	r := vaulttest.Backup(t, v, dir)
	target := vaulttest.Restore(t, v, r.Seq, dir)
	vaulttest.Write(t, filepath.Join(target, ".securecrypt-0123456789ab-0xc000123456"), []byte("left"))
	vaulttest.Write(t, filepath.Join(target, "d/.securecrypt-0123456789ab-0xc000123456"), []byte("left"))
	vaulttest.Must(t, os.Truncate(filepath.Join(target, "d/7"), 100))
	vaulttest.Must(t, os.Remove(filepath.Join(target, "d/8")))
	progress, err := vaulttest.RestoreTo(v, r.Seq, dir, target, func(path string, err error) { t.Errorf("%s: %v", path, err) })
	vaulttest.Must(t, err)
	if n := progress.Same.Load(); n != 18 {
		t.Errorf("%d files were there already", n)
	}
	vaulttest.SameTrees(t, vaulttest.Listing(t, dir), vaulttest.Listing(t, target))
}

// TestRestoreFollowsNoLinks has somebody replace a directory of the
// target by a link that leads out of it.
func TestRestoreFollowsNoLinks(t *testing.T) {
	dir, store, p := t.TempDir(), storagetest.NewMemory(), vaulttest.NewPerson(t)
	vaulttest.Write(t, filepath.Join(dir, "d/file"), []byte("x"))
	v := p.Create(t, store)
	r := vaulttest.Backup(t, v, dir)
	target, outside := t.TempDir(), t.TempDir()
	vaulttest.Must(t, os.Symlink(outside, filepath.Join(target, "d")))
	progress, err := vaulttest.RestoreTo(v, r.Seq, dir, target, func(string, error) {})
	vaulttest.Must(t, err)
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 || progress.Failed.Load() != 1 {
		t.Errorf("%d files were written through a link; %d failed; %v", len(left), progress.Failed.Load(), err)
	}
}

// TestCopyOfHostileTree copies everything that a file system has into another vault.
func TestCopyOfHostileTree(t *testing.T) {
	w := newWorld(t)
	vaulttest.HostileTree(t, w.dir)
	r := vaulttest.Backup(t, w.person.Open(t, w.store), w.dir)
	other, store := otherVault(t)
	pairs, _, err := w.copyTo(other, store, vaultcopy.Options{})
	vaulttest.Must(t, err)
	target := vaulttest.Restore(t, other.Open(t, store), pairs[r.Seq], w.dir)
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(target, "modes/read-only dir"), 0o755) })
	vaulttest.SameTrees(t, vaulttest.Listing(t, w.dir), vaulttest.Listing(t, target))
}
