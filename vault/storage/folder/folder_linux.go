// SPDX-License-Identifier: AGPL-3.0-or-later

package folder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// createUnnamed has write fill a file that has no name until it is complete. It returns
// errors.ErrUnsupported where the file system cannot.
func createUnnamed(path string, write func(*os.File) error) error {
	w, err := os.OpenFile(filepath.Dir(path), unix.O_TMPFILE|os.O_WRONLY, 0o600)
	if err != nil {
		if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EINVAL) {
			return errors.ErrUnsupported
		}
		return err
	}
	defer func() { _ = w.Close() }() // it is on the disk, or is dropped
	if err := write(w); err != nil {
		return err
	}
	if err := unix.Fdatasync(int(w.Fd())); err != nil {
		return err
	}
	err = unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", w.Fd()), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
	switch {
	case errors.Is(err, unix.EEXIST):
		return os.ErrExist
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EPERM), errors.Is(err, unix.EXDEV):
		return errors.ErrUnsupported // no /proc, or no hard links
	case err != nil:
		return &os.LinkError{Op: "link", Old: "a new file", New: path, Err: err}
	}
	return nil
}

func renameNoReplace(old, path string) error {
	if err := unix.Renameat2(unix.AT_FDCWD, old, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE); err != nil {
		return &os.LinkError{Op: "rename", Old: old, New: path, Err: err}
	}
	return nil
}

func flushDir(d *os.File) error { return d.Sync() }

func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
