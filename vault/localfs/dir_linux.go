// SPDX-License-Identifier: AGPL-3.0-or-later

package localfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/securecrypt/securecrypt/vault/tree"
)

// Supported are the capabilities of this build.
var Supported = Capabilities{Xattrs: true, Holes: true, Special: true, Owners: true}

// Dir is an open directory.
type Dir struct {
	f  *os.File
	fd int
}

// OpenDir opens a directory by its path.
func OpenDir(path string) (*Dir, error) {
	fd, err := retry(func() (int, error) { return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return newDir(fd, path), nil
}

func newDir(fd int, name string) *Dir { return &Dir{os.NewFile(uintptr(fd), name), fd} }

// retry repeats a call that a signal interrupted.
func retry[T any](call func() (T, error)) (T, error) {
	for {
		v, err := call()
		if !errors.Is(err, unix.EINTR) {
			return v, err
		}
	}
}

func failed(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// Close closes the directory.
func (d *Dir) Close() error { return d.f.Close() }

// Names returns the names in the directory, unsorted.
func (d *Dir) Names() ([]string, error) { return d.f.Readdirnames(-1) }

// Sub opens a directory in the directory.
func (d *Dir) Sub(name string) (*Dir, error) {
	fd, err := retry(func() (int, error) {
		return unix.Openat(d.fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, failed("open", name, err)
	}
	return newDir(fd, name), nil
}

// Stat describes a name, and a symbolic link as itself.
func (d *Dir) Stat(name string) (Info, error) {
	var st unix.Stat_t
	_, err := retry(func() (int, error) { return 0, unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	if err != nil {
		return Info{}, failed("stat", name, err)
	}
	return infoOf(&st), nil
}

// StatFile describes an open file.
func StatFile(f *os.File) (Info, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return Info{}, failed("stat", f.Name(), err)
	}
	return infoOf(&st), nil
}

// Self describes the directory itself.
func (d *Dir) Self() (Info, error) { return StatFile(d.f) }

// widen converts numbers that have 32 bits on some processors.
func widen[T uint32 | uint64](n T) uint64 { return uint64(n) }

func infoOf(st *unix.Stat_t) Info {
	seconds, nanos := st.Mtim.Unix()
	i := Info{
		Mode: uint16(st.Mode & 0o7777), UID: st.Uid, GID: st.Gid, Seconds: seconds, Nanos: uint32(nanos),
		Links: widen(st.Nlink), Device: widen(st.Dev), Inode: st.Ino, Changed: st.Ctim.Nano(), Blocks: uint64(st.Blocks),
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		i.Type = tree.TypeDir
	case unix.S_IFLNK:
		i.Type = tree.TypeSymlink
	case unix.S_IFIFO:
		i.Type = tree.TypeFIFO
	case unix.S_IFSOCK:
		i.Type = tree.TypeSocket
	case unix.S_IFCHR:
		i.Type, i.Major, i.Minor = tree.TypeCharDevice, unix.Major(widen(st.Rdev)), unix.Minor(widen(st.Rdev))
	case unix.S_IFBLK:
		i.Type, i.Major, i.Minor = tree.TypeBlockDevice, unix.Major(widen(st.Rdev)), unix.Minor(widen(st.Rdev))
	default:
		i.Type, i.Size = tree.TypeFile, uint64(st.Size)
	}
	return i
}

// Open opens a regular file for reading. It does not wait for the other end if
// the name became a FIFO meanwhile.
func (d *Dir) Open(name string) (*os.File, error) {
	flags := unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	fd, err := retry(func() (int, error) { return unix.Openat(d.fd, name, flags|unix.O_NOATIME, 0) })
	if errors.Is(err, unix.EPERM) { // only owners may leave the access time alone
		fd, err = retry(func() (int, error) { return unix.Openat(d.fd, name, flags, 0) })
	}
	if err != nil {
		return nil, failed("open", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Readlink returns the target of a symbolic link.
func (d *Dir) Readlink(name string) ([]byte, error) {
	b := make([]byte, unix.PathMax)
	n, err := retry(func() (int, error) { return unix.Readlinkat(d.fd, name, b) })
	if err != nil {
		return nil, failed("readlink", name, err)
	}
	return b[:n], nil
}

// handle is a path of a name that goes through the open directory.
func (d *Dir) handle(name string) string { return "/proc/self/fd/" + strconv.Itoa(d.fd) + "/" + name }

// Xattrs returns the extended attributes of a name, ACLs among them.
func (d *Dir) Xattrs(name string) ([]Xattr, error) {
	path := d.handle(name)
	n, err := retry(func() (int, error) { return unix.Llistxattr(path, nil) })
	if n == 0 || errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, failed("listxattr", name, err)
	}
	list := make([]byte, n+256)
	if n, err = retry(func() (int, error) { return unix.Llistxattr(path, list) }); err != nil {
		return nil, failed("listxattr", name, err)
	}
	var out []Xattr
	for list = list[:n]; len(list) > 0; {
		end := 0
		for end < len(list) && list[end] != 0 {
			end++
		}
		attr := string(list[:end])
		list = list[min(end+1, len(list)):]
		value := make([]byte, 64<<10)
		n, err := retry(func() (int, error) { return unix.Lgetxattr(path, attr, value) })
		if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOTSUP) {
			continue // removed meanwhile, or hidden from this user
		}
		if err != nil {
			return out, failed("getxattr", name, err)
		}
		out = append(out, Xattr{[]byte(attr), value[:n:n]})
	}
	return out, nil
}

// Extents calls each with the parts of an open file that are no holes, in order.
func Extents(f *os.File, size int64, each func(offset, length int64) error) error {
	fd := int(f.Fd())
	for at := int64(0); at < size; {
		start, err := unix.Seek(fd, at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil // a hole up to the end
		}
		if errors.Is(err, unix.EINVAL) {
			return each(at, size-at) // the file system knows no holes
		}
		if err != nil {
			return failed("seek", f.Name(), err)
		}
		end, err := unix.Seek(fd, start, unix.SEEK_HOLE)
		if err != nil {
			return failed("seek", f.Name(), err)
		}
		if start = min(start, size); start < min(end, size) {
			if err := each(start, min(end, size)-start); err != nil {
				return err
			}
		}
		at = end
	}
	return nil
}

// Create makes a new file for writing, with mode 0600.
func (d *Dir) Create(name string) (*os.File, error) {
	fd, err := retry(func() (int, error) {
		return unix.Openat(d.fd, name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	})
	if err != nil {
		return nil, failed("create", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Append opens a file that Create made, for writing.
func (d *Dir) Append(name string) (*os.File, error) {
	fd, err := retry(func() (int, error) {
		return unix.Openat(d.fd, name, unix.O_RDWR|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, failed("open", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Mkdir makes a directory with mode 0700.
func (d *Dir) Mkdir(name string) error {
	return failed("mkdir", name, unix.Mkdirat(d.fd, name, 0o700))
}

// Symlink makes a symbolic link.
func (d *Dir) Symlink(target []byte, name string) error {
	return failed("symlink", name, unix.Symlinkat(string(target), d.fd, name))
}

// Link gives a file of another directory a name in this one.
func (d *Dir) Link(from *Dir, old, name string) error {
	return failed("link", name, unix.Linkat(from.fd, old, d.fd, name, 0))
}

// Rename gives a file of the directory another name, replacing what has it.
func (d *Dir) Rename(old, name string) error {
	return failed("rename", name, unix.Renameat(d.fd, old, d.fd, name))
}

// Remove removes a file, or an empty directory.
func (d *Dir) Remove(name string) error {
	err := unix.Unlinkat(d.fd, name, 0)
	if errors.Is(err, unix.EISDIR) {
		err = unix.Unlinkat(d.fd, name, unix.AT_REMOVEDIR)
	}
	return failed("remove", name, err)
}

// Mknod makes a FIFO, a socket or a device, with mode 0600.
func (d *Dir) Mknod(name string, t tree.Type, major, minor uint32) error {
	mode, ok := map[tree.Type]uint32{tree.TypeFIFO: unix.S_IFIFO, tree.TypeSocket: unix.S_IFSOCK, tree.TypeCharDevice: unix.S_IFCHR,
		tree.TypeBlockDevice: unix.S_IFBLK}[t]
	if !ok {
		return fmt.Errorf("localfs: making %q: not a special file", name)
	}
	return failed("mknod", name, unix.Mknodat(d.fd, name, mode|0o600, int(unix.Mkdev(major, minor))))
}

// Chown sets the owners of a name.
func (d *Dir) Chown(name string, uid, gid uint32) error {
	return failed("chown", name, unix.Fchownat(d.fd, name, int(uid), int(gid), unix.AT_SYMLINK_NOFOLLOW))
}

// Chmod sets the mode of a name that is no symbolic link.
func (d *Dir) Chmod(name string, mode uint16) error {
	return failed("chmod", name, unix.Fchmodat(d.fd, name, uint32(mode), 0))
}

// Chtimes sets the time of the last modification.
func (d *Dir) Chtimes(name string, seconds int64, nanos uint32) error {
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: seconds, Nsec: int64(nanos)}}
	return failed("chtimes", name, unix.UtimesNanoAt(unix.AT_FDCWD, d.handle(name), times, unix.AT_SYMLINK_NOFOLLOW))
}

// SetXattr sets an extended attribute.
func (d *Dir) SetXattr(name string, attr, value []byte) error {
	err := unix.Lsetxattr(d.handle(name), string(attr), value, 0)
	runtime.KeepAlive(d.f)
	return failed("setxattr", name, err)
}

// RemoveXattr removes an extended attribute.
func (d *Dir) RemoveXattr(name string, attr []byte) error {
	return failed("removexattr", name, unix.Lremovexattr(d.handle(name), string(attr)))
}

// SyncAll flushes the file system of the directory to the disk.
func (d *Dir) SyncAll() error { return failed("syncfs", d.f.Name(), unix.Syncfs(d.fd)) }
