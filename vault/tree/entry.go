// SPDX-License-Identifier: AGPL-3.0-or-later

package tree

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/securecrypt/securecrypt/vault/pack"
)

// Type is the type of a file.
type Type uint8

// The types of files.
const (
	TypeFile Type = iota
	TypeDir
	TypeSymlink
	TypeFIFO
	TypeSocket
	TypeCharDevice
	TypeBlockDevice
)

var typeNames = [...]string{"file", "dir", "symlink", "fifo", "socket", "chardev", "blockdev"}

// String returns the name of the type.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// Flag marks how an entry came about.
type Flag uint8

// The flags.
const (
	// FlagChanged: the file changed while it was read, each time it was tried.
	FlagChanged Flag = 1 << iota
	// FlagUnreadable: the content could not be read, and is missing.
	FlagUnreadable
	// FlagPartial: the directory is incomplete, as its names could not be read or
	// the backup has not finished with it.
	FlagPartial

	allFlags = FlagChanged | FlagUnreadable | FlagPartial
)

// Limits of entries.
const (
	MaxName = 4096 // bytes
	maxLink = 65536 / 4
	// MaxInline is how many identifiers or extents stand in the entry itself;
	// more of them go into lists.
	MaxInline = 64
	// MaxXattr is the longest value, in bytes, that stands in the entry itself.
	MaxXattr = 1024
	// MaxXattrs bounds the number of extended attributes of a file.
	MaxXattrs = 128
	// MaxLists bounds the lists of a file: 2,048 lists of 32,768 chunks.
	MaxLists = 2048
	// maxEntry is what an entry can take in a page, encoded.
	maxEntry = 32 << 10
)

// Xattr is an extended attribute.
type Xattr struct {
	_     struct{} `cbor:",toarray"`
	Name  []byte
	Value []byte
	// Content has the chunks of a value that is longer than MaxXattr.
	Content []pack.ID
}

// Extent is a run of bytes of a file that is no hole.
type Extent struct {
	_              struct{} `cbor:",toarray"`
	Offset, Length uint64
}

// Entry is one name of a directory.
type Entry struct {
	Name []byte `cbor:"1,keyasint"`
	Type Type   `cbor:"2,keyasint"`
	// Mode has the permissions with set-user-ID, set-group-ID and sticky: 12 bits.
	Mode uint16 `cbor:"3,keyasint"`
	UID  uint32 `cbor:"4,keyasint,omitempty"`
	GID  uint32 `cbor:"5,keyasint,omitempty"`
	// Seconds and Nanos are the time of the last modification since 1970 in UTC.
	Seconds int64  `cbor:"6,keyasint"`
	Nanos   uint32 `cbor:"7,keyasint,omitempty"`
	// Size is that of a file in bytes, holes included.
	Size uint64 `cbor:"8,keyasint,omitempty"`
	// Link is the target of a symbolic link.
	Link   []byte  `cbor:"9,keyasint,omitempty"`
	Xattrs []Xattr `cbor:"10,keyasint,omitempty"`
	// Major and Minor number a device.
	Major uint32 `cbor:"11,keyasint,omitempty"`
	Minor uint32 `cbor:"12,keyasint,omitempty"`
	// Group is the same for all names of one file, 0 for a file with one name.
	Group uint64 `cbor:"13,keyasint,omitempty"`
	// Extents are the parts of a file that are no holes, in order; none means
	// that there are no holes. Content has their bytes.
	Extents []Extent `cbor:"14,keyasint,omitempty"`
	// ExtentLists are the chunks that hold the extents if there are many.
	ExtentLists []pack.ID `cbor:"15,keyasint,omitempty"`
	// Content are the chunks of a file.
	Content []pack.ID `cbor:"16,keyasint,omitempty"`
	// ContentLists are the chunks that hold the identifiers if there are many.
	ContentLists []pack.ID `cbor:"17,keyasint,omitempty"`
	// Subtree is the root page of a directory; none for an empty one.
	Subtree []byte `cbor:"18,keyasint,omitempty"`
	Flags   Flag   `cbor:"19,keyasint,omitempty"`
}

// ErrFormat reports bytes that are no page, or a page that breaks a rule.
var ErrFormat = errors.New("tree: not a valid page")

// ValidName reports whether name can be that of a file: not empty, "." or "..",
// without '/' and zero bytes, and at most MaxName bytes long.
func ValidName(name []byte) bool {
	return len(name) > 0 && len(name) <= MaxName && !bytes.ContainsAny(name, "/\x00") && string(name) != "." && string(name) != ".."
}

// Validate checks what every entry must hold to, so that nothing of a vault can
// lead a restore out of its folder.
func (e *Entry) Validate() error {
	bad := func(what string) error { return fmt.Errorf("%w: %q: %s", ErrFormat, e.Name, what) }
	switch {
	case !ValidName(e.Name):
		return bad("not a name")
	case int(e.Type) >= len(typeNames):
		return bad("unknown type")
	case e.Mode > 0o7777 || e.Nanos >= 1e9 || e.Flags&^allFlags != 0:
		return bad("a field is out of range")
	case (e.Type == TypeSymlink) != (len(e.Link) > 0) || len(e.Link) > maxLink || bytes.IndexByte(e.Link, 0) >= 0:
		return bad("link target")
	case e.Type != TypeFile && (e.Size|uint64(len(e.Extents)+len(e.ExtentLists)+len(e.Content)+len(e.ContentLists)) != 0):
		return bad("only files have content")
	case e.Type != TypeDir && len(e.Subtree) != 0, len(e.Subtree) != 0 && len(e.Subtree) != len(pack.ID{}):
		return bad("subtree")
	case e.Type == TypeDir && e.Group != 0:
		return bad("a directory has one name")
	case e.Type != TypeCharDevice && e.Type != TypeBlockDevice && (e.Major|e.Minor) != 0:
		return bad("only devices have device numbers")
	case len(e.Content) > MaxInline || len(e.Extents) > MaxInline || len(e.ContentLists) > MaxLists || len(e.ExtentLists) > MaxLists || len(e.Xattrs) > MaxXattrs:
		return bad("too much stands in the entry")
	case len(e.Content) > 0 && len(e.ContentLists) > 0, len(e.Extents) > 0 && len(e.ExtentLists) > 0:
		return bad("content stands in two places")
	}
	for _, x := range e.Xattrs {
		if len(x.Name) == 0 || len(x.Name) > 255 || bytes.IndexByte(x.Name, 0) >= 0 || len(x.Value) > MaxXattr || len(x.Value) > 0 && len(x.Content) > 0 || len(x.Content) > MaxInline {
			return bad("extended attribute")
		}
	}
	return ValidateExtents(e.Extents, e.Size)
}

// ValidateExtents checks that extents are in order, do not touch and lie within
// size bytes.
func ValidateExtents(extents []Extent, size uint64) error {
	end, first := uint64(0), true
	for _, x := range extents {
		if x.Length == 0 && len(extents) > 1 || !first && x.Offset <= end || x.Offset > size || x.Length > size-x.Offset {
			return fmt.Errorf("%w: extents", ErrFormat)
		}
		end, first = x.Offset+x.Length, false
	}
	return nil
}

// SubtreeID returns the root page of a directory and whether it has any.
func (e *Entry) SubtreeID() (pack.ID, bool) {
	if len(e.Subtree) != len(pack.ID{}) {
		return pack.ID{}, false
	}
	return pack.ID(e.Subtree), true
}
