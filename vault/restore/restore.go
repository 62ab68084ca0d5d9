// SPDX-License-Identifier: AGPL-3.0-or-later

package restore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/chunk"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/localfs"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// Options say what is restored and where to.
type Options struct {
	Target string // a directory, which is made if it is missing
	// Path is the part of the snapshot that is restored: a directory, whose
	// content goes into Target, or a file. Empty is all of it.
	Path string
	// Numeric takes owners by their numbers, not by their names.
	Numeric bool
	// DryRun counts, and writes nothing.
	DryRun bool
	// Compare reads the files that are there and writes none; those that differ
	// are counted.
	Compare bool
	// Sync flushes the file system of the target at the end.
	Sync bool
	// Warn, if not nil, is called for each file that could not be restored exactly,
	// from several goroutines at a time.
	Warn func(path string, err error)
}

// Progress counts what a restore did so far. Its fields may be read at any time.
type Progress struct {
	Files, Dirs, Others, Bytes atomic.Uint64
	// Same counts files that were there already.
	Same atomic.Uint64
	// Failed counts files that are missing, Incomplete those whose metadata could
	// not be set in full.
	Failed, Incomplete atomic.Uint64
	// Different counts files that Compare found to differ.
	Different atomic.Uint64
}

// ErrNotInSnapshot is returned for a path that a snapshot does not have.
var ErrNotInSnapshot = errors.New("restore: the snapshot has no such path")

// windowFiles and windowChunks bound how much is planned before it is written.
const (
	windowFiles  = 20000
	windowChunks = 200000
)

// Run restores a snapshot. It goes on past files that cannot be restored.
func Run(ctx context.Context, v *vault.Vault, s *oplog.Snapshot, o Options, p *Progress) error {
	if p == nil {
		p = new(Progress)
	}
	reader, err := v.Reader(ctx)
	if err != nil {
		return err
	}
	e, err := Find(ctx, reader, s, o.Path)
	if err != nil {
		return err
	}
	r := &run{ctx: ctx, reader: reader, options: &o, progress: p, owners: localfs.NewOwners(), groups: map[uint64]*file{}, uid: os.Geteuid()}
	if r.namer, err = chunk.NewNamer(v.Keys(), v.DomainOf(s), keys.KindData); err != nil {
		return err
	}
	if !o.DryRun {
		if err := os.MkdirAll(o.Target, 0o700); err != nil {
			return err
		}
	}
	r.dirs = newDirs(o.Target)
	defer r.dirs.close()
	if !o.DryRun && !o.Compare {
		r.cleanTemp(0)
	}
	if err := r.start(e); err != nil {
		return err
	}
	if err := r.flush(); err != nil {
		return err
	}
	if o.Compare {
		return ctx.Err()
	}
	r.makeLinks()
	r.finishDirs()
	if o.DryRun || !o.Sync {
		return ctx.Err()
	}
	if root, err := r.dirs.open(0); err == nil {
		err := root.SyncAll()
		r.dirs.put(0)
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Find returns the entry of a path of a snapshot. That of the whole snapshot is a
// directory without a name.
func Find(ctx context.Context, r *vault.Reader, s *oplog.Snapshot, path string) (*tree.Entry, error) {
	e := &tree.Entry{Type: tree.TypeDir, Mode: 0o700, Subtree: s.Body.Root}
	for _, name := range bytes.FieldsFunc([]byte(path), func(c rune) bool { return c == '/' }) {
		if e.Type != tree.TypeDir {
			return nil, fmt.Errorf("%w: %q", ErrNotInSnapshot, path)
		}
		root, ok := e.SubtreeID()
		dir, err := r.Dir(ctx, root, ok)
		if err != nil {
			return nil, err
		}
		for {
			if e, err = dir.Next(); err != nil {
				return nil, err
			}
			if e == nil {
				return nil, fmt.Errorf("%w: %q", ErrNotInSnapshot, path)
			}
			if bytes.Equal(e.Name, name) {
				break
			}
		}
	}
	return e, nil
}

// run is one restore. Its walk belongs to one goroutine; writers run between.
type run struct {
	ctx      context.Context
	reader   *vault.Reader
	options  *Options
	progress *Progress
	owners   *localfs.Owners
	namer    *chunk.Namer
	uid      int
	dirs     *dirs
	finished []dirEntry // directories whose metadata is set at the end
	window   []*file
	chunks   int
	groups   map[uint64]*file // the first restored name of each file with several
	links    []*file
}

type dirEntry struct {
	number      uint32
	entry       tree.Entry
	user, group string
}

// file is a file to be written.
type file struct {
	dir         uint32
	path        string
	entry       tree.Entry
	user, group string
	content     []pack.ID
	extents     []tree.Extent
	offsets     []uint64 // of the chunks in the row of extents
	locations   []vault.Location
	left        atomic.Int64 // chunks
	failed      atomic.Bool
	made        bool // the temporary file exists; only its first writer changes it
}

func (r *run) warn(path string, err error) {
	if r.options.Warn != nil {
		r.options.Warn(path, err)
	}
}

// fail counts a file as missing.
func (r *run) fail(path string, err error) {
	r.progress.Failed.Add(1)
	r.warn(path, err)
}

// start walks from an entry, which is restored into the target.
func (r *run) start(e *tree.Entry) error {
	if e.Type == tree.TypeDir {
		root, ok := e.SubtreeID()
		if len(e.Name) > 0 {
			r.finished = append(r.finished, dirEntry{number: 0, entry: *e})
		}
		return r.dir(0, "", root, ok)
	}
	return r.name(0, "", e, "", "")
}

// dir restores the content of a directory that is there.
func (r *run) dir(number uint32, path string, root pack.ID, ok bool) error {
	entries, err := r.reader.Dir(r.ctx, root, ok)
	if err != nil {
		return r.unreadable(path, err)
	}
	for {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		e, err := entries.Next()
		if err != nil {
			return r.unreadable(path, err)
		}
		if e == nil {
			return nil
		}
		user, group := entries.Page.OwnerNames(e)
		if err := r.name(number, path, e, user, group); err != nil {
			return err
		}
	}
}

// unreadable goes on past a directory whose pages are damaged.
func (r *run) unreadable(path string, err error) error {
	if errors.Is(err, vault.ErrDamaged) || errors.Is(err, vault.ErrMissing) || errors.Is(err, tree.ErrFormat) {
		r.fail(path+"/", err)
		return nil
	}
	return err
}

// name restores one name of a directory.
func (r *run) name(number uint32, parent string, e *tree.Entry, user, group string) error {
	path := string(e.Name)
	if parent != "" {
		path = parent + "/" + path
	}
	switch e.Type {
	case tree.TypeDir:
		r.progress.Dirs.Add(1)
		child, err := r.makeDir(number, e)
		if err != nil {
			r.fail(path, err)
			return nil
		}
		r.finished = append(r.finished, dirEntry{child, *e, user, group})
		root, ok := e.SubtreeID()
		return r.dir(child, path, root, ok)
	case tree.TypeFile:
		return r.file(&file{dir: number, path: path, entry: *e, user: user, group: group})
	}
	r.progress.Others.Add(1)
	f := &file{dir: number, path: path, entry: *e, user: user, group: group}
	if r.linked(f) || r.options.DryRun || r.options.Compare {
		return nil
	}
	if err := r.special(f); err != nil {
		r.fail(path, err)
	}
	return nil
}

// linked reports whether a file is another name of one that is restored already:
// then the name is made at the end.
func (r *run) linked(f *file) bool {
	if f.entry.Group == 0 {
		return false
	}
	if r.groups[f.entry.Group] == nil {
		r.groups[f.entry.Group] = f
		return false
	}
	r.links = append(r.links, f)
	return true
}

// makeDir makes a directory, or takes the one that is there.
func (r *run) makeDir(number uint32, e *tree.Entry) (uint32, error) {
	if r.options.DryRun {
		return 0, nil
	}
	dir, err := r.dirs.open(number)
	if err != nil {
		return 0, err
	}
	defer r.dirs.put(number)
	name := string(e.Name)
	if err := dir.Mkdir(name); err != nil {
		if !errors.Is(err, fs.ErrExist) {
			return 0, err
		}
		info, err := dir.Stat(name)
		if err != nil {
			return 0, err
		}
		if info.Type != tree.TypeDir {
			return 0, fmt.Errorf("restore: a %v is in the way of a directory: move it away", info.Type)
		}
		child := r.dirs.add(number, name)
		r.cleanTemp(child)
		return child, nil
	}
	return r.dirs.add(number, name), nil
}

// cleanTemp removes the temporary files that a killed restore left in a directory.
func (r *run) cleanTemp(number uint32) {
	dir, err := r.dirs.open(number)
	if err != nil {
		return // what is written there says why
	}
	defer r.dirs.put(number)
	names, err := dir.Names()
	if err != nil {
		return
	}
	for _, name := range names {
		if isTemp(name) {
			_ = dir.Remove(name) // it is in nobody's way
		}
	}
}

// file plans a file, and writes what is planned when that is enough.
func (r *run) file(f *file) error {
	if f.entry.Flags&tree.FlagUnreadable != 0 {
		r.fail(f.path, errors.New("restore: it could not be read when it was backed up"))
		return nil
	}
	r.progress.Files.Add(1)
	if r.linked(f) {
		return nil
	}
	content, err := r.reader.Content(r.ctx, &f.entry)
	if err == nil {
		f.extents, err = r.reader.Extents(r.ctx, &f.entry)
	}
	if err != nil {
		if r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		r.fail(f.path, err)
		return nil
	}
	f.content = content
	r.window, r.chunks = append(r.window, f), r.chunks+len(content)
	if len(r.window) >= windowFiles || r.chunks >= windowChunks {
		return r.flush()
	}
	return nil
}
