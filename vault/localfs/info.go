// SPDX-License-Identifier: AGPL-3.0-or-later

package localfs

import (
	"errors"

	"github.com/securecrypt/securecrypt/vault/tree"
)

// ErrUnsupported is returned for what this system or file system lacks.
var ErrUnsupported = errors.New("localfs: this system does not support it")

// Info is what a system says of a name.
type Info struct {
	Type         tree.Type
	Mode         uint16 // 12 bits
	UID, GID     uint32
	Seconds      int64
	Nanos        uint32
	Size         uint64
	Major, Minor uint32
	// Links is the number of names. Device, Inode and Changed identify a file
	// and its last change on this machine; they are kept in caches alone.
	Links         uint64
	Device, Inode uint64
	Changed       int64  // nanoseconds since 1970
	Blocks        uint64 // of 512 bytes that are allocated
}

// Sparse reports whether a file may have holes.
func (i *Info) Sparse() bool { return i.Type == tree.TypeFile && i.Blocks*512 < i.Size }

// Xattr is an extended attribute.
type Xattr struct{ Name, Value []byte }

// Capabilities are what this build can read and set.
type Capabilities struct {
	Xattrs, Holes, Special, Owners bool
}
