// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build unix

package daemon

import "syscall"

// keepPrivate makes all files that this process creates its owner's alone.
func keepPrivate() { syscall.Umask(0o077) }
