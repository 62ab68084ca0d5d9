// SPDX-License-Identifier: AGPL-3.0-or-later

package folder

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

func createUnnamed(string, func(*os.File) error) error { return errors.ErrUnsupported }

// renameNoReplace moves a file; without MOVEFILE_REPLACE_EXISTING Windows
// refuses a name that is taken.
func renameNoReplace(old, path string) error {
	from, err := windows.UTF16PtrFromString(old)
	if err != nil {
		return err
	}
	to, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	if err := windows.MoveFileEx(from, to, windows.MOVEFILE_WRITE_THROUGH); err != nil {
		return &os.LinkError{Op: "rename", Old: old, New: path, Err: err}
	}
	return nil
}

// flushDir does nothing: Windows has no call that flushes a folder's entries;
// NTFS keeps them in its journal.
func flushDir(*os.File) error { return nil }

func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}
