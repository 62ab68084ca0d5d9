// SPDX-License-Identifier: AGPL-3.0-or-later

package restore

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/localfs"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// special makes a symbolic link, FIFO, socket or device.
func (r *run) special(f *file) error {
	dir, err := r.dirs.open(f.dir)
	if err != nil {
		return err
	}
	defer r.dirs.put(f.dir)
	temp := f.tempName()
	if f.entry.Type == tree.TypeSymlink {
		err = dir.Symlink(f.entry.Link, temp)
	} else {
		err = dir.Mknod(temp, f.entry.Type, f.entry.Major, f.entry.Minor)
	}
	if err != nil {
		return fmt.Errorf("restore: making a %v: %w", f.entry.Type, err)
	}
	if err := dir.Rename(temp, string(f.entry.Name)); err != nil {
		return errors.Join(err, dir.Remove(temp))
	}
	r.metadata(f)
	return nil
}

// makeLinks gives files their other names.
func (r *run) makeLinks() {
	for _, f := range r.links {
		if r.options.DryRun {
			continue
		}
		if err := r.link(r.groups[f.entry.Group], f); err != nil {
			r.fail(f.path, err)
		} else if f.entry.Type == tree.TypeFile {
			r.progress.Bytes.Add(f.entry.Size)
		}
	}
}

func (r *run) link(first, f *file) error {
	from, err := r.dirs.open(first.dir)
	if err != nil {
		return err
	}
	defer r.dirs.put(first.dir)
	to, err := r.dirs.open(f.dir)
	if err != nil {
		return err
	}
	defer r.dirs.put(f.dir)
	a, err := from.Stat(string(first.entry.Name))
	if err != nil {
		return err
	}
	if b, err := to.Stat(string(f.entry.Name)); err == nil && a.Device == b.Device && a.Inode == b.Inode && a.Inode != 0 {
		return nil // an earlier restore made it
	}
	temp := f.tempName()
	if err := to.Link(from, string(first.entry.Name), temp); err != nil {
		return err
	}
	if err := to.Rename(temp, string(f.entry.Name)); err != nil {
		return errors.Join(err, to.Remove(temp))
	}
	return nil
}

// finishDirs sets the metadata of directories, those below before those above.
func (r *run) finishDirs() {
	if r.options.DryRun {
		return
	}
	for _, d := range slices.Backward(r.finished) {
		if d.number == 0 {
			continue // the target keeps its owner
		}
		where := r.dirs.all[d.number]
		dir, err := r.dirs.open(where.parent)
		if err == nil {
			err = r.set(dir, &d.entry, d.user, d.group)
			r.dirs.put(where.parent)
		}
		if err != nil {
			r.progress.Incomplete.Add(1)
			r.warn(string(d.entry.Name)+"/", err)
		}
	}
}

// metadata sets what belongs to a file that has its name.
func (r *run) metadata(f *file) {
	dir, err := r.dirs.open(f.dir)
	if err == nil {
		err = r.set(dir, &f.entry, f.user, f.group)
		r.dirs.put(f.dir)
	}
	if err != nil {
		r.progress.Incomplete.Add(1)
		r.warn(f.path, err)
	}
}

// set sets owner, mode, extended attributes and time of a name, in this order: a
// new owner resets the mode and capabilities. It goes on past what cannot be set.
func (r *run) set(dir *localfs.Dir, e *tree.Entry, user, group string) error {
	name := string(e.Name)
	info, err := dir.Stat(name)
	if err != nil {
		return err
	}
	var errs []error
	uid, gid := e.UID, e.GID
	if !r.options.Numeric {
		uid, gid = r.owners.Numbers(uid, gid, user, group)
	}
	if localfs.Supported.Owners && (info.UID != uid || info.GID != gid) {
		errs = append(errs, dir.Chown(name, uid, gid))
	}
	if e.Type != tree.TypeSymlink {
		if info, err = dir.Stat(name); err == nil && info.Mode != e.Mode {
			err = dir.Chmod(name, e.Mode)
		}
		errs = append(errs, err)
	}
	errs = append(errs, r.xattrs(dir, e), dir.Chtimes(name, e.Seconds, e.Nanos))
	return errors.Join(errs...)
}

// xattrs sets the extended attributes of a name and removes others.
func (r *run) xattrs(dir *localfs.Dir, e *tree.Entry) error {
	if !localfs.Supported.Xattrs {
		if len(e.Xattrs) > 0 {
			return fmt.Errorf("restore: extended attributes: %w", localfs.ErrUnsupported)
		}
		return nil
	}
	name := string(e.Name)
	there, err := dir.Xattrs(name)
	errs := []error{err}
	for _, x := range e.Xattrs {
		value := x.Value
		for _, id := range x.Content {
			b, err := r.reader.Chunk(r.ctx, keys.KindData, id)
			errs = append(errs, err)
			value = append(value, b...)
		}
		i := slices.IndexFunc(there, func(y localfs.Xattr) bool { return bytes.Equal(x.Name, y.Name) })
		if i < 0 || !bytes.Equal(there[i].Value, value) {
			errs = append(errs, dir.SetXattr(name, x.Name, value))
		}
	}
	for _, y := range there {
		if !slices.ContainsFunc(e.Xattrs, func(x tree.Xattr) bool { return bytes.Equal(x.Name, y.Name) }) && !bytes.HasPrefix(y.Name, []byte("security.")) {
			errs = append(errs, dir.RemoveXattr(name, y.Name))
		}
	}
	return errors.Join(errs...)
}
