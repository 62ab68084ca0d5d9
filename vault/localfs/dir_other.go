// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build !linux

package localfs

import (
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/securecrypt/securecrypt/vault/tree"
)

// Supported are the capabilities of this build.
var Supported = Capabilities{}

// Dir is an open directory.
type Dir struct{ root *os.Root }

// OpenDir opens a directory by its path.
func OpenDir(path string) (*Dir, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &Dir{root}, nil
}

// Close closes the directory.
func (d *Dir) Close() error { return d.root.Close() }

// Names returns the names in the directory, unsorted.
func (d *Dir) Names() ([]string, error) {
	f, err := d.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	return f.Readdirnames(-1)
}

// Sub opens a directory in the directory.
func (d *Dir) Sub(name string) (*Dir, error) {
	info, err := d.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	root, err := d.root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return &Dir{root}, nil
}

// Stat describes a name, and a symbolic link as itself.
func (d *Dir) Stat(name string) (Info, error) {
	info, err := d.root.Lstat(name)
	if err != nil {
		return Info{}, err
	}
	return infoOf(info), nil
}

// StatFile describes an open file.
func StatFile(f *os.File) (Info, error) {
	info, err := f.Stat()
	if err != nil {
		return Info{}, err
	}
	return infoOf(info), nil
}

// Self describes the directory itself.
func (d *Dir) Self() (Info, error) { return d.Stat(".") }

func infoOf(info fs.FileInfo) Info {
	t := info.ModTime()
	i := Info{Mode: uint16(info.Mode().Perm()), Seconds: t.Unix(), Nanos: uint32(t.Nanosecond()), Links: 1}
	switch mode := info.Mode(); {
	case mode.IsDir():
		i.Type = tree.TypeDir
	case mode&fs.ModeSymlink != 0:
		i.Type = tree.TypeSymlink
	case mode&fs.ModeNamedPipe != 0:
		i.Type = tree.TypeFIFO
	case mode&fs.ModeSocket != 0:
		i.Type = tree.TypeSocket
	case mode&fs.ModeCharDevice != 0:
		i.Type = tree.TypeCharDevice
	case mode&fs.ModeDevice != 0:
		i.Type = tree.TypeBlockDevice
	default:
		i.Type, i.Size = tree.TypeFile, uint64(info.Size())
		i.Blocks = (i.Size + 511) / 512
	}
	return i
}

// Open opens a regular file for reading.
func (d *Dir) Open(name string) (*os.File, error) { return d.root.Open(name) }

// Readlink returns the target of a symbolic link.
func (d *Dir) Readlink(name string) ([]byte, error) {
	target, err := d.root.Readlink(name)
	return []byte(filepath.ToSlash(target)), err
}

// Xattrs returns nothing: this build does not read extended attributes.
func (d *Dir) Xattrs(string) ([]Xattr, error) { return nil, nil }

// Extents calls each with the whole file: this build finds no holes.
func Extents(_ *os.File, size int64, each func(offset, length int64) error) error {
	if size == 0 {
		return nil
	}
	return each(0, size)
}

// Create makes a new file for writing, with mode 0600.
func (d *Dir) Create(name string) (*os.File, error) {
	return d.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// Append opens a file that Create made, for writing.
func (d *Dir) Append(name string) (*os.File, error) { return d.root.OpenFile(name, os.O_RDWR, 0) }

// Mkdir makes a directory with mode 0700.
func (d *Dir) Mkdir(name string) error { return d.root.Mkdir(name, 0o700) }

// Symlink makes a symbolic link.
func (d *Dir) Symlink(target []byte, name string) error {
	return d.root.Symlink(filepath.FromSlash(string(target)), name)
}

// Link is not possible between open directories on this system.
func (d *Dir) Link(*Dir, string, string) error { return ErrUnsupported }

// Rename gives a file of the directory another name, replacing what has it.
func (d *Dir) Rename(old, name string) error { return d.root.Rename(old, name) }

// Remove removes a file, or an empty directory.
func (d *Dir) Remove(name string) error { return d.root.Remove(name) }

// Mknod is not possible in this build.
func (d *Dir) Mknod(string, tree.Type, uint32, uint32) error { return ErrUnsupported }

// Chown is not possible in this build.
func (d *Dir) Chown(string, uint32, uint32) error { return ErrUnsupported }

// Chmod sets the mode of a name that is no symbolic link.
func (d *Dir) Chmod(name string, mode uint16) error {
	return d.root.Chmod(name, fs.FileMode(mode&0o777))
}

// Chtimes sets the time of the last modification.
func (d *Dir) Chtimes(name string, seconds int64, nanos uint32) error {
	if info, err := d.root.Lstat(name); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return nil // this system would set those of the target
	}
	return d.root.Chtimes(name, time.Time{}, time.Unix(seconds, int64(nanos)))
}

// SetXattr is not possible in this build.
func (d *Dir) SetXattr(string, []byte, []byte) error { return ErrUnsupported }

// RemoveXattr is not possible in this build.
func (d *Dir) RemoveXattr(string, []byte) error { return ErrUnsupported }

// SyncAll does nothing: this system cannot flush a file system.
func (d *Dir) SyncAll() error { return nil }
