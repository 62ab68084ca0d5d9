// SPDX-License-Identifier: AGPL-3.0-or-later

package foreign

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/securecrypt/securecrypt/vault/mountfs"
)

// mountable checks what the programs need to mount.
func mountable() error {
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("%w (%w)", mountfs.ErrNoDevice, err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	if _, err := exec.LookPath("fusermount3"); err != nil {
		return mountfs.ErrNoHelper
	}
	return nil
}

// attributes keeps an interrupt of the terminal from the program, which is to end
// after this one has left its files, and has it end if this one is killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// isMounted reports whether something is mounted on a directory.
func isMounted(dir string) bool {
	var here, above syscall.Stat_t
	if err := syscall.Stat(dir, &here); err != nil {
		return err != syscall.ENOENT // the program is gone, and the mount is not
	}
	return syscall.Stat(filepath.Dir(dir), &above) == nil && here.Dev != above.Dev
}

// unmount ends a mount; if something still uses it, later.
func unmount(dir string) error {
	if err := unmountBy("fusermount3", "-u", dir); err == nil {
		return nil
	}
	return unmountBy("fusermount3", "-u", "-z", dir)
}
