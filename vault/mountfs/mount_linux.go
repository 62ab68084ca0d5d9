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
	"golang.org/x/sys/unix"
)

// helper is the program that mounts for users.
const helper = "fusermount3"

// mountable checks what mounting needs, so that what is missing has a name.
func mountable(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, syscall.ENOTCONN):
		return fmt.Errorf("%w: %s is still mounted by a process that has ended; run fusermount3 -u %s", ErrMountPoint, dir, dir)
	case errors.Is(err, syscall.ENOTDIR), err == nil && len(entries) > 0:
		return fmt.Errorf("%w: %s", ErrMountPoint, dir)
	case err != nil:
		return err
	}
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("%w (%w)", ErrNoDevice, err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		return nil
	}
	if _, err := exec.LookPath(helper); err != nil {
		if _, err := exec.LookPath("fusermount"); err != nil {
			return ErrNoHelper
		}
	}
	return nil
}

// setReadOnly has the kernel refuse changes.
func setReadOnly(o *fuse.MountOptions, direct bool) {
	if direct {
		o.DirectMountStrict, o.DirectMountFlags = true, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_RDONLY
		return
	}
	o.Options = append(o.Options, "ro")
}

// detach takes a file system that is in use out of its directory.
func detach(dir string, direct bool) error {
	if direct {
		return unix.Unmount(dir, unix.MNT_DETACH)
	}
	out, err := exec.Command(helper, "-u", "-z", dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mountfs: %s cannot be unmounted: %s; run fusermount3 -u %s when no process uses it", dir, strings.TrimSpace(string(out)), dir)
	}
	return nil
}
