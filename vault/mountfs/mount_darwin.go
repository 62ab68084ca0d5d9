// SPDX-License-Identifier: AGPL-3.0-or-later

package mountfs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// mountable checks that there is an empty directory. macFUSE says itself what it
// lacks.
func mountable(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, syscall.ENOTDIR) || err == nil && len(entries) > 0 {
		return fmt.Errorf("%w: %s", ErrMountPoint, dir)
	}
	return err
}

// setReadOnly has the kernel refuse changes.
func setReadOnly(o *fuse.MountOptions, _ bool) { o.Options = append(o.Options, "ro") }

// detach takes a file system that is in use out of its directory.
func detach(dir string, _ bool) error {
	out, err := exec.Command("umount", "-f", dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mountfs: %s cannot be unmounted: %s; run umount -f %s", dir, strings.TrimSpace(string(out)), dir)
	}
	return nil
}
