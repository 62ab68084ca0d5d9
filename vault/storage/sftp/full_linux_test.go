// SPDX-License-Identifier: AGPL-3.0-or-later

package sftp

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/securecrypt/securecrypt/vault/storage"
)

// TestFullDiskTakesLogEntries needs a small file system: a tmpfs of 6 MiB, which
// only root can mount.
func TestFullDiskTakesLogEntries(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	server, dir, ctx := startServer(t), t.TempDir(), t.Context()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=6m,mode=0700"); err != nil {
		t.Skipf("mounting is not allowed here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	v := create(t, server, dir)
	n := 0
	var err error
	for ; n < 100; n++ {
		if err = v.Create(ctx, fmt.Sprintf("packs/%d", n), make([]byte, 256<<10)); err != nil {
			break
		}
	}
	if !errors.Is(err, storage.ErrFull) || n == 0 {
		t.Fatalf("after %d packs: %v", n, err)
	}
	for i := 0; err == nil || i == 0; i++ { // not a page is left
		err = v.Create(ctx, fmt.Sprintf("probe/%d", i), make([]byte, 4096))
	}
	if !errors.Is(err, storage.ErrFull) {
		t.Fatalf("the last page: %v", err)
	}
	for i := range 32 {
		if err := v.Create(ctx, fmt.Sprintf("log/%d", i), make([]byte, 4096)); err != nil {
			t.Fatalf("log entry %d on a full disk: %v", i, err)
		}
	}
	if err := v.Sync(ctx); err != nil {
		t.Errorf("Sync on a full disk: %v", err)
	}
	for i := range n {
		if err := v.Delete(ctx, fmt.Sprintf("packs/%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, reserveFile)); err != nil || info.Size() != reserveSize {
		t.Errorf("the reserve was not filled again: %v", err)
	}
	noTemporaryFiles(t, dir)
}
