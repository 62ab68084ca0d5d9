// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build unix

package stdio

import (
	"os"

	"golang.org/x/sys/unix"
)

// WasClosed reports whether the program was started without a stream, which is
// given by its number. The Go runtime then opens /dev/null in its place, for reading and writing, so that no
// other file gets its number; `> /dev/null` opens it for writing alone.
func WasClosed(fd int) bool {
	var is, null unix.Stat_t
	if unix.Fstat(fd, &is) != nil || unix.Stat(os.DevNull, &null) != nil || is.Rdev != null.Rdev || is.Mode&unix.S_IFMT != unix.S_IFCHR {
		return false
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_ACCMODE == unix.O_RDWR
}
