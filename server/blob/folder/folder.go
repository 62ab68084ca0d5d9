// SPDX-License-Identifier: AGPL-3.0-or-later

package folder

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
)

// Folder keeps blobs in a folder. It is safe for concurrent use; two writers
// of one blob are not.
type Folder struct {
	dir  string
	room func(need uint64) error

	mu      sync.Mutex
	holding bool
}

// New returns the blobs in dir, which is created if need be. room, which may
// be nil, is asked before bytes are written and may return ErrFull.
func New(dir string, room func(need uint64) error) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	if room == nil {
		room = func(uint64) error { return nil }
	}
	f := &Folder{dir: dir, room: room}
	if err := os.RemoveAll(f.heldDir()); err != nil { // of a process that was killed
		return nil, fmt.Errorf("folder: %w", err)
	}
	return f, nil
}

// heldDir is where content is that was deleted while it was held.
func (f *Folder) heldDir() string { return f.dir + "-held" }

// Hold keeps content that is deleted until release is called, so that it can be
// read with OpenHeld. One caller at a time may hold.
func (f *Folder) Hold() (release func() error, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.holding {
		return nil, errors.New("folder: held already")
	}
	if err := os.MkdirAll(f.heldDir(), 0o700); err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	f.holding = true
	return f.release, nil
}

func (f *Folder) release() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.holding = false
	if err := os.RemoveAll(f.heldDir()); err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	return nil
}

// OpenHeld opens a blob as it was when Hold was called, as far as it had arrived
// then: what is deleted and uploaded again meanwhile is another file.
func (f *Folder) OpenHeld(id protocol.BlobID) (*os.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	file, err := os.Open(filepath.Join(f.heldDir(), hex.EncodeToString(id[:])))
	if errors.Is(err, fs.ErrNotExist) {
		file, err = os.Open(f.path(id))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, server.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	return file, nil
}

func (f *Folder) path(id protocol.BlobID) string {
	name := hex.EncodeToString(id[:])
	return filepath.Join(f.dir, name[:2], name)
}

// copyBuffer is how many bytes are received before they are written.
const copyBuffer = 256 << 10

// Write implements [server.Blobs].
func (f *Folder) Write(ctx context.Context, id protocol.BlobID, offset uint64, r io.Reader) (uint64, error) {
	path := f.path(id)
	file, err := f.openFor(path)
	if err != nil {
		return 0, full(err)
	}
	n, err := f.fill(ctx, file, offset, r)
	if syncErr := file.Sync(); syncErr != nil {
		return 0, errors.Join(full(syncErr), file.Close())
	}
	if closeErr := file.Close(); closeErr != nil {
		return 0, full(closeErr)
	}
	return n, full(err)
}

// openFor opens a blob's file, and makes a new one's name durable.
func (f *Folder) openFor(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(syncDir(dir), syncDir(f.dir)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func (f *Folder) fill(ctx context.Context, file *os.File, offset uint64, r io.Reader) (n uint64, err error) {
	if err := file.Truncate(int64(offset)); err != nil {
		return 0, err
	}
	if _, err := file.Seek(int64(offset), io.SeekStart); err != nil {
		return 0, err
	}
	buf := make([]byte, copyBuffer)
	for {
		got, readErr := io.ReadFull(r, buf)
		if got > 0 {
			if err := f.room(uint64(got)); err != nil {
				return n, err
			}
			wrote, err := file.Write(buf[:got])
			n += uint64(wrote)
			if err != nil {
				return n, err
			}
		}
		switch {
		case errors.Is(readErr, io.EOF), errors.Is(readErr, io.ErrUnexpectedEOF):
			return n, nil
		case readErr != nil:
			return n, readErr
		case ctx.Err() != nil:
			return n, ctx.Err()
		}
	}
}

func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return errors.Join(server.ErrFull, err)
	}
	if err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	return nil
}

// Open implements [server.Blobs].
func (f *Folder) Open(_ context.Context, id protocol.BlobID) (io.ReadSeekCloser, error) {
	file, err := os.Open(f.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, server.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	return file, nil
}

// Delete implements [server.Blobs].
func (f *Folder) Delete(_ context.Context, id protocol.BlobID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	held := filepath.Join(f.heldDir(), hex.EncodeToString(id[:]))
	if _, err := os.Lstat(held); f.holding && errors.Is(err, fs.ErrNotExist) {
		if err := os.Rename(f.path(id), held); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("folder: %w", err)
		}
		return nil
	}
	if err := os.Remove(f.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("folder: %w", err)
	}
	return nil
}

// All implements [server.Blobs]. It reports files that are no blobs as corrupt.
func (f *Folder) All(ctx context.Context, fn func(id protocol.BlobID, size uint64) error) error {
	return filepath.WalkDir(f.dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // deleted meanwhile
		case err != nil:
			return fmt.Errorf("folder: %w", err)
		case d.IsDir():
			return ctx.Err()
		}
		b, err := hex.DecodeString(d.Name())
		if err != nil || len(b) != len(protocol.BlobID{}) || f.path(protocol.BlobID(b)) != path {
			return fmt.Errorf("folder: %w: a file that is no blob", server.ErrCorrupt)
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("folder: %w", err)
		}
		return fn(protocol.BlobID(b), uint64(info.Size()))
	})
}
