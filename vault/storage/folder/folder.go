// SPDX-License-Identifier: AGPL-3.0-or-later

package folder

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/bandwidth"
)

const (
	// tempFolder holds files that are being written where the system has no
	// files without a name.
	tempFolder = ".tmp"
	// reserveFile occupies space that is given up when the disk is full, so that
	// a log entry can still be written and prune can free more.
	reserveFile = ".reserve"
	reserveSize = 1 << 20
	// batchSize is how many names List reads from a directory at a time.
	batchSize = 1024
)

// folders are those that objects lie in.
var folders = []string{"keys", "log", "packs", "probe"}

// A Folder is a storage.Storage in a folder of the file system.
type Folder struct {
	path   string
	limits *bandwidth.Limits
	mu     sync.Mutex
	dirty  map[string]bool // folders with entries that are not on the disk yet; guarded by mu
}

var _ storage.Storage = (*Folder)(nil)

// Create makes a folder for a vault, with its parents, and opens it. A folder
// that holds anything else is refused.
func Create(path string) (*Folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	if len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(path, "config")); err == nil {
			return nil, fmt.Errorf("folder: there is a vault in %s already: choose another folder, or join that vault with its recovery key", path)
		}
		if !leftover(entries) {
			return nil, fmt.Errorf("folder: %s is not empty: choose a new folder for the vault", path)
		}
	}
	f := &Folder{path: path, dirty: map[string]bool{}}
	for _, dir := range folders {
		if err := os.MkdirAll(filepath.Join(path, dir), 0o700); err != nil {
			return nil, fmt.Errorf("folder: %w", err)
		}
	}
	f.fillReserve()
	return f, syncFolder(path)
}

// leftover reports whether the entries are what an interrupted Create leaves.
func leftover(entries []fs.DirEntry) bool {
	for _, e := range entries {
		known := e.Name() == tempFolder || e.Name() == reserveFile || e.Name() == "lost+found"
		for _, dir := range folders {
			known = known || e.Name() == dir
		}
		if !known {
			return false
		}
	}
	return true
}

// Open opens the folder of a vault that exists.
func Open(path string) (*Folder, error) {
	if _, err := os.Stat(filepath.Join(path, "config")); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("folder: there is no vault in %s: %w", path, storage.ErrNotFound)
		}
		return nil, fmt.Errorf("folder: %w", err)
	}
	return &Folder{path: path, dirty: map[string]bool{}}, nil
}

// Limit limits what is read and written from now on. It is for a share of the
// network; a nil l limits nothing.
func (f *Folder) Limit(l *bandwidth.Limits) { f.limits = l }

// file returns the path of an object.
func (f *Folder) file(name string) (string, error) {
	if !storage.ValidName(name) {
		return "", fmt.Errorf("%w: %q", storage.ErrName, name)
	}
	return filepath.Join(f.path, filepath.FromSlash(name)), nil
}

// Create implements storage.Storage.
func (f *Folder) Create(ctx context.Context, name string, data []byte) error {
	path, err := f.file(name)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err = f.create(ctx, path, data)
	if errors.Is(err, fs.ErrNotExist) && name != "config" { // a copy of a vault may lack empty folders
		if err = os.Mkdir(filepath.Dir(path), 0o700); err == nil || errors.Is(err, fs.ErrExist) {
			f.markDirty(f.path)
			err = f.create(ctx, path, data)
		}
	}
	if isFull(err) && strings.HasPrefix(name, "log/") && f.releaseReserve() {
		err = f.create(ctx, path, data)
	}
	if err != nil {
		return classify(name, err)
	}
	f.markDirty(filepath.Dir(path))
	return nil
}

func (f *Folder) create(ctx context.Context, path string, data []byte) error {
	err := createUnnamed(path, func(w *os.File) error { return f.write(ctx, w, data) })
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return f.createByTemp(ctx, path, data, linkTemp)
}

// createByTemp writes a temporary file and has move give it its name. It tries
// again if Clean of another process removed the temporary file meanwhile.
func (f *Folder) createByTemp(ctx context.Context, path string, data []byte, move func(temp, path string) error) (err error) {
	for range 3 {
		var temp string
		if temp, err = f.writeTemp(ctx, data); err != nil {
			return err
		}
		if err = move(temp, path); err == nil || errors.Is(err, fs.ErrExist) {
			return err
		}
		if removed := os.Remove(temp); !errors.Is(removed, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

func (f *Folder) writeTemp(ctx context.Context, data []byte) (temp string, err error) {
	dir := filepath.Join(f.path, tempFolder)
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // it never fails
	temp = filepath.Join(dir, hex.EncodeToString(random[:]))
	w, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	err = f.write(ctx, w, data)
	if err == nil {
		err = w.Sync()
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return "", errors.Join(err, os.Remove(temp))
	}
	return temp, nil
}

// write writes data within the limits. Each piece is flushed then: otherwise the
// system would send all of it to the server at the end.
func (f *Folder) write(ctx context.Context, w *os.File, data []byte) error {
	return f.limits.Upload(ctx, data, func(piece []byte) error {
		_, err := w.Write(piece)
		if err == nil && len(piece) < len(data) {
			err = w.Sync()
		}
		return err
	})
}

// linkTemp gives a temporary file its name unless that is taken.
func linkTemp(temp, path string) error {
	err := os.Link(temp, path)
	switch {
	case err == nil, errors.Is(err, fs.ErrExist):
		return errors.Join(err, os.Remove(temp))
	case errors.Is(err, fs.ErrNotExist):
		return err
	}
	err = renameNoReplace(temp, path) // a file system without hard links
	if errors.Is(err, fs.ErrExist) {
		return errors.Join(err, os.Remove(temp))
	}
	return err
}

// Replace implements storage.Storage.
func (f *Folder) Replace(ctx context.Context, name string, data []byte) error {
	path, err := f.file(name)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := f.createByTemp(ctx, path, data, os.Rename); err != nil {
		return classify(name, err)
	}
	f.markDirty(filepath.Dir(path))
	return nil
}

// Read implements storage.Storage.
func (f *Folder) Read(ctx context.Context, name string, offset, length int64) ([]byte, error) {
	path, err := f.file(name)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if offset < 0 || length < 0 || length > storage.MaxObject {
		return nil, fmt.Errorf("folder: %d bytes at %d of %s: not a possible range", length, offset, name)
	}
	r, err := os.Open(path)
	if err != nil {
		return nil, classify(name, err)
	}
	defer func() { _ = r.Close() }() // nothing was written
	b := make([]byte, length)
	err = f.limits.Download(ctx, b, func(piece []byte) error {
		n, err := r.ReadAt(piece, offset)
		offset += int64(n)
		if n == len(piece) {
			return nil
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("folder: reading %s: %w", name, err)
	}
	return b, nil
}

// Size implements storage.Storage.
func (f *Folder) Size(ctx context.Context, name string) (int64, error) {
	path, err := f.file(name)
	if err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return 0, classify(name, err)
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("folder: %s is not a regular file", name)
	}
	return info.Size(), nil
}

// List implements storage.Storage. Files whose names are no names of objects are
// left out.
func (f *Folder) List(ctx context.Context, prefix string, each func(string, int64) error) error {
	for _, dir := range folders {
		if !strings.HasPrefix(dir+"/", prefix) && !strings.HasPrefix(prefix, dir+"/") {
			continue
		}
		if err := f.listFolder(ctx, dir, prefix, each); err != nil {
			return err
		}
	}
	if strings.HasPrefix("config", prefix) {
		if n, err := f.Size(ctx, "config"); err == nil {
			return each("config", n)
		}
	}
	return nil
}

func (f *Folder) listFolder(ctx context.Context, dir, prefix string, each func(string, int64) error) error {
	d, err := os.Open(filepath.Join(f.path, dir))
	if errors.Is(err, fs.ErrNotExist) { // a copy of a vault may lack empty folders
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	defer func() { _ = d.Close() }() // nothing was written
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		entries, err := d.ReadDir(batchSize)
		for _, e := range entries {
			name := dir + "/" + e.Name()
			if !storage.ValidName(name) || !strings.HasPrefix(name, prefix) {
				continue
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue // deleted meanwhile
			}
			if err != nil {
				return fmt.Errorf("folder: %w", err)
			}
			if err := each(name, info.Size()); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("folder: %w", err)
		}
	}
}

// Delete implements storage.Storage.
func (f *Folder) Delete(ctx context.Context, name string) error {
	path, err := f.file(name)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return classify(name, err)
	}
	f.markDirty(filepath.Dir(path))
	return nil
}

// Sync implements storage.Storage.
func (f *Folder) Sync(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	dirty := f.dirty
	f.dirty = map[string]bool{}
	f.mu.Unlock()
	var err error
	for dir := range dirty {
		if e := syncFolder(dir); e != nil {
			f.markDirty(dir)
			err = errors.Join(err, e)
		}
	}
	f.fillReserve()
	return err
}

func (f *Folder) markDirty(dir string) {
	f.mu.Lock()
	f.dirty[dir] = true
	f.mu.Unlock()
}

// Clean removes temporary files that killed processes left. A process that is
// writing one writes it once more.
func (f *Folder) Clean(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Join(f.path, tempFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if e := os.Remove(filepath.Join(f.path, tempFolder, e.Name())); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// Close does nothing: a Folder keeps nothing open.
func (f *Folder) Close() error { return nil }

// fillReserve makes the reserve file if it is missing and there is room.
func (f *Folder) fillReserve() {
	path := filepath.Join(f.path, reserveFile)
	if _, err := os.Lstat(path); err == nil {
		return
	}
	random := make([]byte, reserveSize) // a file system that compresses must not save the space
	_, _ = rand.Read(random)            // it never fails
	if err := os.WriteFile(path, random, 0o600); err != nil {
		_ = os.Remove(path) // no room for it: the next Sync tries again
	}
}

// releaseReserve gives up the reserved space and reports whether there was any.
func (f *Folder) releaseReserve() bool { return os.Remove(filepath.Join(f.path, reserveFile)) == nil }

// syncFolder flushes the entries of a folder to the disk.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	err = flushDir(d)
	if err = errors.Join(err, d.Close()); err != nil {
		return fmt.Errorf("folder: flushing %s: %w", path, err)
	}
	return nil
}

// classify maps an error of the file system to those of package storage.
func classify(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%w: %s", storage.ErrExists, name)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %s", storage.ErrNotFound, name)
	case isFull(err):
		return fmt.Errorf("%w: %w", storage.ErrFull, err)
	}
	return fmt.Errorf("folder: %w", err)
}
