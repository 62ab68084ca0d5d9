// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build linux || darwin

package mountfs

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/securecrypt/securecrypt/vault/tree"
)

// A node is a file or directory of a snapshot.
type node struct {
	fs.Inode
	mount    *mount
	snapshot uint64
	entry    *tree.Entry
	uid, gid uint32
}

var _ = (interface {
	fs.NodeGetattrer
	fs.NodeLookuper
	fs.NodeOpendirHandler
	fs.NodeOpener
	fs.NodeReadlinker
	fs.NodeGetxattrer
	fs.NodeListxattrer
	fs.NodeOnForgetter
})(&node{})

// typeBits are the types of files as modes have them.
var typeBits = map[tree.Type]uint32{
	tree.TypeFile: syscall.S_IFREG, tree.TypeDir: syscall.S_IFDIR, tree.TypeSymlink: syscall.S_IFLNK, tree.TypeFIFO: syscall.S_IFIFO,
	tree.TypeSocket: syscall.S_IFSOCK, tree.TypeCharDevice: syscall.S_IFCHR, tree.TypeBlockDevice: syscall.S_IFBLK,
}

// blockSize is the unit of fuse.Attr.Blocks.
const blockSize = 512

// attributes fills in what stat shows.
func (n *node) attributes(ctx context.Context, out *fuse.Attr) syscall.Errno {
	e := n.entry
	out.Mode, out.Nlink = typeBits[e.Type]|uint32(e.Mode), 1
	if e.Group != 0 {
		out.Nlink = 2 // how many names there are in the snapshot is not known; there is another one
	}
	out.Uid, out.Gid = n.uid, n.gid
	setTime(out, e.Seconds, e.Nanos)
	switch e.Type {
	case tree.TypeFile:
		allocated, err := n.mount.allocated(ctx, e)
		if err != nil {
			return n.mount.failure(ctx, &n.Inode, err)
		}
		out.Size, out.Blocks = e.Size, (allocated+blockSize-1)/blockSize
	case tree.TypeSymlink:
		out.Size = uint64(len(e.Link))
	case tree.TypeCharDevice, tree.TypeBlockDevice:
		out.Rdev = e.Minor&0xff | e.Major<<8 | e.Minor&^0xff<<12 // as the kernel writes it in 32 bits
	}
	return 0
}

// setTime sets all times to that of the last modification, the only one that
// snapshots have.
func setTime(out *fuse.Attr, seconds int64, nanos uint32) {
	out.Mtime, out.Atime, out.Ctime = uint64(seconds), uint64(seconds), uint64(seconds)
	out.Mtimensec, out.Atimensec, out.Ctimensec = nanos, nanos, nanos
}

// Getattr implements fs.NodeGetattrer.
func (n *node) Getattr(ctx context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return n.attributes(ctx, &out.Attr)
}

// Lookup implements fs.NodeLookuper.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	e, page, err := n.mount.find(ctx, n.entry, name)
	if err != nil {
		return nil, n.mount.failure(ctx, &n.Inode, err)
	}
	if e == nil {
		return nil, syscall.ENOENT
	}
	return n.child(ctx, e, page, out)
}

// child returns the node of an entry of the directory.
func (n *node) child(ctx context.Context, e *tree.Entry, page *tree.Page, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	m := n.mount
	c := m.newNode(n.snapshot, e, page)
	if errno := c.attributes(ctx, &out.Attr); errno != 0 {
		return nil, errno
	}
	stable := fs.StableAttr{Mode: typeBits[e.Type], Ino: m.inode(n, e)}
	if known := n.GetChild(string(e.Name)); known != nil && known.StableAttr() == stable {
		return known, 0
	}
	inode := n.NewInode(ctx, c, stable)
	if e.Type != tree.TypeDir {
		m.names.add(&n.Inode, string(e.Name))
	}
	return inode, 0
}

// OnForget implements fs.NodeOnForgetter.
func (n *node) OnForget() {
	if n.entry.Type != tree.TypeDir {
		n.mount.names.forget()
	}
}

// OpendirHandle implements fs.NodeOpendirHandler.
func (n *node) OpendirHandle(ctx context.Context, _ uint32) (fs.FileHandle, uint32, syscall.Errno) {
	d := &dirHandle{dir: n}
	if errno := d.Seekdir(ctx, 0); errno != 0 {
		return nil, 0, errno
	}
	return d, fuse.FOPEN_CACHE_DIR, 0
}

// A dirHandle is an open directory. The kernel calls its methods one at a time.
type dirHandle struct {
	dir     *node
	entries *tree.Reader
	at      uint64
	last    *tree.Entry // that Readdirent returned, of the leaf entries.Page
}

var _ = (interface {
	fs.FileReaddirenter
	fs.FileSeekdirer
	fs.FileLookuper
})(&dirHandle{})

// Seekdir implements fs.FileSeekdirer. An offset is the number of entries before.
func (d *dirHandle) Seekdir(ctx context.Context, offset uint64) syscall.Errno {
	entries, err := d.dir.mount.list(ctx, d.dir.entry)
	if err != nil {
		return d.dir.mount.failure(ctx, &d.dir.Inode, err)
	}
	d.entries, d.at, d.last = entries, 0, nil
	for d.at < offset {
		e, errno := d.Readdirent(ctx)
		if e == nil {
			return errno
		}
	}
	return 0
}

// Readdirent implements fs.FileReaddirenter.
func (d *dirHandle) Readdirent(ctx context.Context) (*fuse.DirEntry, syscall.Errno) {
	e, err := d.entries.Next()
	if err != nil {
		return nil, d.dir.mount.failure(ctx, &d.dir.Inode, err)
	}
	if d.last = e; e == nil {
		return nil, 0
	}
	d.at++
	return &fuse.DirEntry{Mode: typeBits[e.Type], Name: string(e.Name), Ino: d.dir.mount.inode(d.dir, e), Off: d.at}, 0
}

// Lookup implements fs.FileLookuper.
func (d *dirHandle) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if d.last == nil || string(d.last.Name) != name {
		return d.dir.Lookup(ctx, name, out)
	}
	return d.dir.child(ctx, d.last, d.entries.Page, out)
}

// Readlink implements fs.NodeReadlinker.
func (n *node) Readlink(context.Context) ([]byte, syscall.Errno) { return n.entry.Link, 0 }

// Open implements fs.NodeOpener.
func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if flags&syscall.O_ACCMODE != syscall.O_RDONLY {
		return nil, 0, syscall.EROFS
	}
	if n.entry.Flags&tree.FlagUnreadable != 0 {
		return nil, 0, n.mount.failure(ctx, &n.Inode, errUnreadable)
	}
	c, err := n.mount.open(ctx, n.entry)
	if err != nil {
		return nil, 0, n.mount.failure(ctx, &n.Inode, err)
	}
	return &fileHandle{n, c}, fuse.FOPEN_KEEP_CACHE, 0
}

// A fileHandle is an open file.
type fileHandle struct {
	file    *node
	content *content
}

var _ = (interface {
	fs.FileReader
	fs.FileLseeker
})(&fileHandle{})

// Read implements fs.FileReader.
func (f *fileHandle) Read(ctx context.Context, dest []byte, offset int64) (fuse.ReadResult, syscall.Errno) {
	n, err := f.content.readAt(ctx, dest, uint64(offset))
	if err != nil {
		return nil, f.file.mount.failure(ctx, &f.file.Inode, err)
	}
	return fuse.ReadResultData(dest[:n]), 0
}

// The values of whence (lseek) that the kernel passes on to the file system.
const (
	seekData = 3
	seekHole = 4
)

// Lseek implements fs.FileLseeker.
func (f *fileHandle) Lseek(_ context.Context, offset uint64, whence uint32) (uint64, syscall.Errno) {
	if whence != seekData && whence != seekHole {
		return 0, syscall.EINVAL
	}
	at, ok := f.content.seek(offset, whence == seekHole)
	if !ok {
		return 0, syscall.ENXIO
	}
	return at, 0
}

// Getxattr implements fs.NodeGetxattrer.
func (n *node) Getxattr(ctx context.Context, name string, dest []byte) (uint32, syscall.Errno) {
	for i := range n.entry.Xattrs {
		x := &n.entry.Xattrs[i]
		if string(x.Name) != name {
			continue
		}
		value, err := n.mount.xattr(ctx, x)
		if err != nil {
			return 0, n.mount.failure(ctx, &n.Inode, err)
		}
		return fill(dest, value)
	}
	return 0, syscall.Errno(fuse.ENOATTR)
}

// Listxattr implements fs.NodeListxattrer.
func (n *node) Listxattr(_ context.Context, dest []byte) (uint32, syscall.Errno) {
	var all []byte
	for i := range n.entry.Xattrs {
		all = append(append(all, n.entry.Xattrs[i].Name...), 0)
	}
	return fill(dest, all)
}

// fill copies a value if there is room, and returns its length.
func fill(dest, value []byte) (uint32, syscall.Errno) {
	if len(dest) < len(value) {
		return uint32(len(value)), syscall.ERANGE
	}
	return uint32(copy(dest, value)), 0
}
