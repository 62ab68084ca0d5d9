// SPDX-License-Identifier: AGPL-3.0-or-later

package s3

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/securecrypt/securecrypt/vault/storage"
)

// TestFullServer needs a small file system: a tmpfs of 4 MiB, which only root can
// mount. A full service keeps no reserve: the test shows that deleting works, and
// makes room.
func TestFullServer(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	dir, ctx := t.TempDir(), t.Context()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4m,mode=0700"); err != nil {
		t.Skipf("mounting is not allowed here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	v := connectTo(t, startServerIn(t, dir), "v", options())
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
	for i := range 3 {
		if err := v.Delete(ctx, fmt.Sprintf("packs/%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Create(ctx, "log/1", make([]byte, 4096)); err != nil {
		t.Errorf("creating after room was made: %v", err)
	}
}
