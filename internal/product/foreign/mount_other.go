// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build !linux

package foreign

import (
	"io"
	"syscall"

	"github.com/securecrypt/securecrypt/vault/mountfs"
)

// mountable returns an error: imports are for Linux so far.
func mountable() error { return mountfs.ErrUnsupported }

func attributes() *syscall.SysProcAttr { return nil }

func isMounted(string) bool { return false }

func unmount(dir string) error { return unmountBy("umount", dir) }

func reserve(string) (io.Closer, error) { return io.NopCloser(nil), nil }

func removeStale() error { return nil }
