// SPDX-License-Identifier: AGPL-3.0-or-later

package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/securecrypt/securecrypt/vault/storage"
)

// folders are those that objects lie in.
var folders = []string{"keys", "log", "packs", "probe"}

// A Storage is a storage.Storage in a folder of an SFTP server.
type Storage struct {
	address Address
	options Options
	root    string

	gate    chan struct{} // holds one value while current and closed are in use
	current *connection   // the last one that was made, nil before the first
	closed  bool

	mu       sync.Mutex
	unsynced map[string]created // objects since the last Sync; guarded by mu

	noLinks     atomic.Bool // the file system of the server has no hard links
	reserveFull atomic.Bool // the reserve file was seen whole, or written
}

// created is an object that a Sync has to look after.
type created struct {
	size       int64  // -1 after a Delete
	connection uint64 // number of the connection by which it was made
}

var _ storage.Storage = (*Storage)(nil)

func newStorage(a Address, o Options) *Storage {
	return &Storage{address: a, options: o, root: a.remotePath(), gate: make(chan struct{}, 1), unsynced: map[string]created{}}
}

// Create makes a folder for a vault on the server, with its parents, and opens
// it. A folder that holds anything else is refused.
func Create(ctx context.Context, a Address, o Options) (*Storage, error) {
	s := newStorage(a, o)
	err := s.do(ctx, s.makeFolders)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.fillReserve(ctx)
	return s, nil
}

// makeFolders makes the folders of a vault. It may be called again after it was
// interrupted.
func (s *Storage) makeFolders(c *connection) error {
	_, err := c.sftp.Lstat(s.root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err = c.sftp.MkdirAll(s.root); err == nil {
			err = c.sftp.Chmod(s.root, 0o700)
		}
		if err != nil {
			return fmt.Errorf("sftp: making %s: choose a folder that %s may write to (%w)", s.address, s.address.User, err)
		}
	case err != nil:
		return fmt.Errorf("sftp: %s: %w", s.address, err)
	}
	entries, err := c.sftp.ReadDir(s.root)
	if err != nil {
		return fmt.Errorf("sftp: listing %s: %w", s.address, err)
	}
	if slices.ContainsFunc(entries, func(e fs.FileInfo) bool { return e.Name() == "config" }) {
		return refusal{fmt.Errorf("sftp: there is a vault in %s already: choose another folder, or join that vault with its recovery key", s.address)}
	}
	for _, e := range entries {
		if e.Name() != tempFolder && e.Name() != reserveFile && e.Name() != "lost+found" && !slices.Contains(folders, e.Name()) {
			return refusal{fmt.Errorf("sftp: %s is not empty: choose a new folder for the vault", s.address)}
		}
	}
	for _, name := range append([]string{tempFolder}, folders...) {
		if err := c.makeFolder(path.Join(s.root, name)); err != nil {
			return fmt.Errorf("sftp: making the folder %s in %s: %w", name, s.address, err)
		}
	}
	return c.flushFolder(s.root)
}

// Open opens the folder of a vault that exists.
func Open(ctx context.Context, a Address, o Options) (*Storage, error) {
	s := newStorage(a, o)
	_, err := s.Size(ctx, "config")
	if errors.Is(err, storage.ErrNotFound) {
		err = fmt.Errorf("sftp: there is no vault in %s: %w", a, storage.ErrNotFound)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close ends the connection. Calls that are under way fail.
func (s *Storage) Close() error {
	s.gate <- struct{}{}
	defer func() { <-s.gate }()
	s.closed = true
	if s.current != nil {
		s.current.close()
	}
	return nil
}

func (s *Storage) file(name string) string { return path.Join(s.root, name) }

// check refuses names that are not valid and contexts that are done.
func check(ctx context.Context, name string) error {
	if !storage.ValidName(name) {
		return fmt.Errorf("%w: %q", storage.ErrName, name)
	}
	return ctx.Err()
}

// Read implements storage.Storage.
func (s *Storage) Read(ctx context.Context, name string, offset, length int64) (b []byte, err error) {
	if err := check(ctx, name); err != nil {
		return nil, err
	}
	if offset < 0 || length < 0 || length > storage.MaxObject {
		return nil, fmt.Errorf("sftp: %d bytes at %d of %s: not a possible range", length, offset, name)
	}
	err = s.do(ctx, func(c *connection) (err error) {
		b, err = c.read(s.file(name), offset, length)
		return err
	})
	if err != nil {
		return nil, explain("reading", name, err)
	}
	return b, nil
}

// read returns exactly length bytes of a file.
func (c *connection) read(file string, offset, length int64) ([]byte, error) {
	f, err := c.sftp.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	b := make([]byte, length)
	if length == 0 {
		return b, nil
	}
	n, err := f.ReadAt(b, offset)
	switch {
	case n == len(b):
		return b, nil
	case !errors.Is(err, io.EOF):
		return nil, err
	}
	// The end of the file and the end of the connection look alike.
	info, err := c.sftp.Lstat(file)
	if err == nil && info.Size() >= offset+length {
		err = errors.New("sftp: the server sent less than there is")
	} else if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return nil, err
}

// Size implements storage.Storage.
func (s *Storage) Size(ctx context.Context, name string) (n int64, err error) {
	if err := check(ctx, name); err != nil {
		return 0, err
	}
	err = s.do(ctx, func(c *connection) error {
		info, err := c.sftp.Lstat(s.file(name))
		switch {
		case err != nil:
			return err
		case !info.Mode().IsRegular() || info.Size() < 0:
			return refusal{fmt.Errorf("sftp: %s on the server is not a regular file: remove it, or restore the vault's folder from a copy", name)}
		}
		n = info.Size()
		return nil
	})
	return n, explain("looking for", name, err)
}

// List implements storage.Storage. Files whose names are no names of objects are
// left out.
func (s *Storage) List(ctx context.Context, prefix string, each func(string, int64) error) error {
	for _, dir := range folders {
		if !strings.HasPrefix(dir+"/", prefix) && !strings.HasPrefix(prefix, dir+"/") {
			continue
		}
		var entries []fs.FileInfo
		err := s.do(ctx, func(c *connection) (err error) {
			entries, err = c.sftp.ReadDirContext(ctx, s.file(dir))
			if errors.Is(err, fs.ErrNotExist) { // a copy of a vault may lack empty folders
				err = nil
			}
			return err
		})
		if err != nil {
			return explain("listing", dir, err)
		}
		for _, e := range entries {
			name := dir + "/" + e.Name()
			if !storage.ValidName(name) || !strings.HasPrefix(name, prefix) || e.Size() < 0 {
				continue
			}
			if err := each(name, e.Size()); err != nil {
				return err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if strings.HasPrefix("config", prefix) {
		n, err := s.Size(ctx, "config")
		switch {
		case err == nil:
			return each("config", n)
		case !errors.Is(err, storage.ErrNotFound):
			return err
		}
	}
	return nil
}

// Delete implements storage.Storage.
func (s *Storage) Delete(ctx context.Context, name string) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	err := s.do(ctx, func(c *connection) error {
		if err := c.sftp.Remove(s.file(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		s.remember(c, name, -1)
		return nil
	})
	return explain("deleting", name, err)
}

// Clean removes temporary files that killed processes left. A process that is
// writing one writes it once more.
func (s *Storage) Clean(ctx context.Context) error {
	err := s.do(ctx, func(c *connection) error {
		entries, err := c.sftp.ReadDirContext(ctx, s.file(tempFolder))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		for _, e := range entries {
			if strings.Contains(e.Name(), "/") { // a server could name any file
				continue
			}
			if e := c.sftp.Remove(path.Join(s.root, tempFolder, e.Name())); e != nil && !errors.Is(e, fs.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}
		return err
	})
	return explain("removing", "temporary files", err)
}

// explain maps an error to those of package storage and says what failed.
func explain(doing, name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, storage.ErrExists), errors.Is(err, storage.ErrFull), errors.Is(err, storage.ErrNotFound), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %s", storage.ErrNotFound, name)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("sftp: %s %s: the server denies permission: check who owns the vault's folder there (%w)", doing, name, err)
	}
	return fmt.Errorf("sftp: %s %s: %w", doing, name, err)
}
