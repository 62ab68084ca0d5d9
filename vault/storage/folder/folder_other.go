// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build !linux && !darwin && !windows

package folder

import (
	"errors"
	"os"
	"syscall"
)

func createUnnamed(string, func(*os.File) error) error { return errors.ErrUnsupported }

func renameNoReplace(string, string) error {
	return errors.New("this system has neither hard links here nor a rename that does not replace: put the vault on another file system")
}

func flushDir(d *os.File) error { return d.Sync() }

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) }
