// SPDX-License-Identifier: AGPL-3.0-or-later

package folder

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func createUnnamed(string, func(*os.File) error) error { return errors.ErrUnsupported }

func renameNoReplace(old, path string) error {
	if err := unix.RenamexNp(old, path, unix.RENAME_EXCL); err != nil {
		return &os.LinkError{Op: "rename", Old: old, New: path, Err: err}
	}
	return nil
}

func flushDir(d *os.File) error { return d.Sync() }

func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
