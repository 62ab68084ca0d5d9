// SPDX-License-Identifier: AGPL-3.0-or-later

package backup

import (
	"bytes"
	"slices"

	"github.com/securecrypt/securecrypt/vault/localfs"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// Reasons counts why files were read or not. Files of no bytes are left out.
type Reasons struct {
	// Files are read that the parent snapshots do not have (New), whose size or
	// modification time (Time) differ, or whose time of change alone differs and
	// nothing explains that (Change); that could not be read, or changed while they
	// were (Doubt); whose data the vault has lost (Lost); or all (Forced).
	New, Size, Time, Change, Doubt, Lost, Forced uint64
	// Unchanged files are not read. Of the others that are not, something that is
	// not their content explains another time of change: another device or inode, as
	// after a copy, a new mount or a snapshot of the file system; mode, owner, number
	// of names, extended attributes.
	Unchanged, Inode, Mode, Owner, Names, Xattrs uint64
}

// Explained returns how many files were not read although their time of change
// differs.
func (r *Reasons) Explained() uint64 { return r.Inode + r.Mode + r.Owner + r.Names + r.Xattrs }

// decide returns the entry of a parent snapshot that has the content of a file, nil
// if the file is to be read, and what counts that. e is the file's new entry.
func (w *walker) decide(key uint64, info *localfs.Info, e *tree.Entry, before []*tree.Entry) (*tree.Entry, *uint64) {
	r := &w.reasons
	if w.options.Force {
		return nil, &r.Forced
	}
	reason := &r.New
	for i, old := range before {
		again := &r.New
		switch {
		case old.Type != tree.TypeFile:
		case old.Flags&(tree.FlagChanged|tree.FlagUnreadable) != 0:
			again = &r.Doubt
		case old.Size != info.Size:
			again = &r.Size
		case old.Seconds != info.Seconds || old.Nanos != info.Nanos:
			again = &r.Time
		case !w.has(old):
			again = &r.Lost
		default:
			return w.changed(key, info, e, old)
		}
		if i == 0 { // of the newest snapshot
			reason = again
		}
	}
	return nil, reason
}

// changed decides about a file whose size and modification time are those of old, by
// its time of change.
func (w *walker) changed(key uint64, info *localfs.Info, e, old *tree.Entry) (*tree.Entry, *uint64) {
	r := &w.reasons
	if w.ctimes == nil || info.Changed == 0 {
		return old, &r.Unchanged
	}
	x, known := w.ctimes.get(key)
	if w.options.Strict && (!known || x.changed != info.Changed) {
		return nil, &r.Change
	}
	place := placeOf(info)
	switch {
	case !known, x.changed == info.Changed:
		return old, &r.Unchanged
	case x.place>>24 != place>>24:
		return old, &r.Inode
	case old.Mode != info.Mode:
		return old, &r.Mode
	case old.UID != info.UID || old.GID != info.GID:
		return old, &r.Owner
	case x.place>>8 != place>>8:
		return old, &r.Names
	case !slices.EqualFunc(old.Xattrs, e.Xattrs, sameXattr):
		return old, &r.Xattrs
	}
	return nil, &r.Change
}

func sameXattr(a, b tree.Xattr) bool {
	return bytes.Equal(a.Name, b.Name) && bytes.Equal(a.Value, b.Value) && slices.Equal(a.Content, b.Content)
}

// has reports whether the vault has the content of a file of a parent snapshot.
func (w *walker) has(old *tree.Entry) bool {
	for _, ids := range [][]pack.ID{old.ContentLists, old.ExtentLists, old.Content} {
		for _, id := range ids {
			if !w.writer.Has(id) {
				return false
			}
		}
	}
	if !w.verify || len(old.ContentLists) == 0 {
		return true
	}
	content, err := w.reader.Content(w.ctx, old)
	if err != nil {
		return false
	}
	for _, id := range content {
		if !w.writer.Has(id) {
			return false
		}
	}
	return true
}
