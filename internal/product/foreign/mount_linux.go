// SPDX-License-Identifier: AGPL-3.0-or-later

package foreign

import (
	"errors"
	"fmt"
	"io"
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
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT}
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

// reserve keeps other imports from removing a directory before it is mounted on,
// until the file that it returns is closed.
func reserve(dir string) (io.Closer, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// removeStale removes the directories of an import that was killed. What is still
// mounted there, by a program that has ended, is unmounted.
func removeStale() error {
	left, err := filepath.Glob(filepath.Join(os.TempDir(), mountPrefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range left {
		var st syscall.Stat_t
		if syscall.Stat(dir, &st) == syscall.ENOTCONN {
			if err := errors.Join(unmount(dir), os.Remove(dir)); err != nil {
				return err
			}
			continue
		}
		if isMounted(dir) {
			continue // another import uses it
		}
		reserved, err := reserve(dir)
		if err != nil {
			continue // as above
		}
		if err := errors.Join(os.Remove(dir), reserved.Close()); err != nil {
			return err
		}
	}
	return nil
}
