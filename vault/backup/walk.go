// SPDX-License-Identifier: AGPL-3.0-or-later

package backup

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/localfs"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// walker walks directories; one goroutine runs it.
type walker struct {
	*run
	worker *vault.Worker
	device uint64 // of the path that is walked, for OneFileSystem
	names  uint64 // that were walked

	reasons Reasons
}

// planned walks the way to the paths of a backup, and them.
func (w *walker) planned(plan *planNode, parents []*oplog.Snapshot) (*node, error) {
	var before parentDirs
	for _, s := range parents {
		root, ok := vault.Root(s)
		before.add(w.ctx, w.reader, root, ok)
	}
	root := w.newNode(string(filepath.Separator), nil, nil)
	w.root.Store(root)
	return root, w.plannedDir(root, plan, &before)
}

func (w *walker) plannedDir(n *node, plan *planNode, before *parentDirs) error {
	if plan.whole {
		dir, err := localfs.OpenDir(plan.path)
		if err != nil {
			return err
		}
		n.dir = dir
		if info, err := dir.Self(); err == nil {
			w.device = info.Device
		}
		return w.dir(n, before)
	}
	names := plan.names()
	b := n.newBatch(len(names))
	for _, name := range names {
		child := plan.children[name]
		if err := w.plannedChild(n, b, name, child, before.find(name)); err != nil {
			return err
		}
	}
	b.finish(w.worker)
	n.close(w.worker)
	n.release()
	return nil
}

func (w *walker) plannedChild(n *node, b *batch, name string, child *planNode, before []*tree.Entry) error {
	if child.whole { // it may be a file, or a link that leads to a directory
		up, err := localfs.OpenDir(filepath.Dir(child.path))
		if err != nil {
			return err
		}
		info, err := up.Stat(filepath.Base(child.path))
		if err == nil && info.Type != tree.TypeDir && filepath.Dir(child.path) != child.path {
			holder := w.newNode(n.path, up, nil)
			w.file(holder, b, name, &info, before)
			holder.release()
			return w.err()
		}
		if err := errors.Join(err, up.Close()); err != nil && filepath.Dir(child.path) != child.path {
			return err
		}
	}
	dir, err := localfs.OpenDir(child.path)
	if err != nil {
		return err
	}
	info, err := dir.Self()
	if err = errors.Join(err, dir.Close()); err != nil {
		return err
	}
	s := b.add(entryOf(name, &info))
	w.progress.Dirs.Add(1)
	w.xattrsOf(child.path, &s.entry)
	return w.plannedDir(w.newNode(child.path, nil, s), child, w.below(before))
}

// xattrsOf adds the extended attributes of a path of the plan.
func (w *walker) xattrsOf(path string, e *tree.Entry) {
	up, err := localfs.OpenDir(filepath.Dir(path))
	if err != nil {
		w.warn(path, err)
		return
	}
	defer func() { _ = up.Close() }() // it was only read
	w.xattrs(up, filepath.Base(path), path, e)
}

// below returns the directories of the parent snapshots that entries lead to.
func (w *walker) below(entries []*tree.Entry) *parentDirs {
	var p parentDirs
	for _, e := range entries {
		if e.Type == tree.TypeDir {
			root, ok := e.SubtreeID()
			p.add(w.ctx, w.reader, root, ok)
		}
	}
	return &p
}

// dir walks a directory that is open. An error ends the run; what cannot be read
// does not.
func (w *walker) dir(n *node, before *parentDirs) error {
	names, err := n.dir.Names()
	if err != nil {
		w.progress.Unreadable.Add(1)
		w.warn(n.path, err)
		n.mu.Lock()
		n.partial = true
		n.mu.Unlock()
	}
	slices.Sort(names)
	for len(names) > 0 {
		part := names[:min(batchSize, len(names))]
		names = names[len(part):]
		b := n.newBatch(len(part))
		for _, name := range part {
			if err := w.name(n, b, name, before); err != nil {
				return err
			}
		}
		b.finish(w.worker)
	}
	n.close(w.worker)
	n.release()
	return w.err()
}

// name adds one name of a directory to a batch.
func (w *walker) name(n *node, b *batch, name string, before *parentDirs) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if w.names++; w.names%tickNames == 0 {
		w.tick()
	}
	info, err := n.dir.Stat(name)
	path := n.path + string(filepath.Separator) + name
	if len(n.path) > 0 && n.path[len(n.path)-1] == filepath.Separator {
		path = n.path + name
	}
	if err != nil {
		if !vanished(err) {
			w.progress.Unreadable.Add(1)
			w.warn(path, err)
		}
		return nil
	}
	if w.options.Skip != nil && w.options.Skip(path, &info) {
		w.progress.Excluded.Add(1)
		return nil
	}
	old := before.find(name)
	if info.Type != tree.TypeDir {
		w.file(n, b, name, &info, old)
		return nil
	}
	s := b.add(entryOf(name, &info))
	w.progress.Dirs.Add(1)
	w.xattrs(n.dir, name, path, &s.entry)
	if w.options.OneFileSystem && info.Device != w.device {
		s.complete(w.worker) // the mount point is kept, empty
		return nil
	}
	sub, err := n.dir.Sub(name)
	if err != nil {
		if vanished(err) {
			s.omit = true
		} else {
			s.entry.Flags |= tree.FlagPartial
			w.progress.Unreadable.Add(1)
			w.warn(path, err)
		}
		s.complete(w.worker)
		return nil
	}
	return w.dir(w.newNode(path, sub, s), w.below(old))
}

// file adds a name that is no directory to a batch.
func (w *walker) file(n *node, b *batch, name string, info *localfs.Info, before []*tree.Entry) {
	path := filepath.Join(n.path, name)
	s := b.add(entryOf(name, info))
	e := &s.entry
	w.xattrs(n.dir, name, path, e)
	if info.Type != tree.TypeFile {
		w.progress.Others.Add(1)
		if info.Type == tree.TypeSymlink {
			target, err := n.dir.Readlink(name)
			if err != nil || len(target) == 0 {
				s.omit = true
				if !vanished(err) {
					w.progress.Unreadable.Add(1)
					w.warn(path, err)
				}
			}
			e.Link = target
		}
		if info.Links > 1 {
			e.Group = w.links.number(w.run, info, path)
		}
		s.complete(w.worker)
		return
	}
	w.progress.Files.Add(1)
	w.progress.Bytes.Add(info.Size)
	if info.Links > 1 {
		e.Group = w.links.number(w.run, info, path)
	}
	key := uint64(0)
	if w.ctimes != nil {
		key = w.ctimes.pathKey(path)
	}
	old, reason := w.decide(key, info, e, before)
	if old != nil {
		e.Content, e.ContentLists, e.Extents, e.ExtentLists = old.Content, old.ContentLists, old.Extents, old.ExtentLists
		if w.ctimes != nil {
			w.ctimes.note(key, info)
		}
	}
	if old != nil || info.Size == 0 {
		if info.Size > 0 {
			*reason++
		}
		s.complete(w.worker)
		return
	}
	*reason++
	if e.Group != 0 && w.links.wait(info, s) {
		return // another name of the file is being read
	}
	n.users.Add(1)
	select {
	case w.jobs <- job{node: n, slot: s, name: name, path: path, key: key, info: *info}:
	case <-w.ctx.Done():
		n.release()
	}
}

// xattrs adds the extended attributes of a name to its entry; long values become
// chunks.
func (w *walker) xattrs(dir *localfs.Dir, name, path string, e *tree.Entry) {
	all, err := dir.Xattrs(name)
	if err != nil && !vanished(err) && !errors.Is(err, fs.ErrPermission) {
		w.warn(path, err)
	}
	slices.SortFunc(all, func(a, b localfs.Xattr) int { return slices.Compare(a.Name, b.Name) })
	for _, x := range all {
		if len(e.Xattrs) == tree.MaxXattrs {
			w.warn(path, errors.New("it has too many extended attributes: some are left out"))
			return
		}
		attr := tree.Xattr{Name: x.Name, Value: x.Value}
		if len(x.Value) > tree.MaxXattr {
			id, err := w.worker.Add(keys.KindData, x.Value)
			if err != nil {
				w.fail(err)
				return
			}
			attr.Value, attr.Content = nil, []pack.ID{id}
		}
		e.Xattrs = append(e.Xattrs, attr)
	}
}
