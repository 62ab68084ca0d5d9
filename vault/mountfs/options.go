// SPDX-License-Identifier: AGPL-3.0-or-later

package mountfs

import (
	"errors"

	"github.com/securecrypt/securecrypt/vault/oplog"
)

// Options say what is shown, and how.
type Options struct {
	// Snapshot, if not nil, is shown alone, in the mount point itself. Otherwise
	// all live snapshots are, in "times" and "devices", with "latest".
	Snapshot *oplog.Snapshot
	// Numeric takes owners by their numbers, not by their names.
	Numeric bool
	// AllowOther lets other users of the machine in, as far as the modes of the
	// files let them. Without it, only the user who mounts is let in, and sees all.
	AllowOther bool
	// Cache is how many bytes of pages and chunks are kept in memory.
	Cache int
	// Warn, if not nil, is called once for each path that could not be read as it
	// is, from several goroutines at a time. The path begins at the mount point.
	Warn func(path string, err error)
}

// DefaultCache is how many bytes are kept unless Options say otherwise.
const DefaultCache = 64 << 20

// The errors of Mount.
var (
	// ErrUnsupported is returned on systems without FUSE.
	ErrUnsupported = errors.New("mountfs: this system cannot mount vaults; restore the files with securecrypt vault restore instead")
	// ErrNoDevice is returned where the kernel offers no FUSE.
	ErrNoDevice = errors.New("mountfs: /dev/fuse cannot be opened")
	// ErrNoHelper is returned to users who need fusermount3 and lack it.
	ErrNoHelper = errors.New("mountfs: fusermount3 is missing")
	// ErrMountPoint is returned for a place that nothing can be mounted on.
	ErrMountPoint = errors.New("mountfs: this is no empty folder")
)
