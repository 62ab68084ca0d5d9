// SPDX-License-Identifier: AGPL-3.0-or-later

package sftp

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/pkg/sftp"

	"github.com/securecrypt/securecrypt/vault/storage"
)

const (
	// tempFolder holds files that are being written.
	tempFolder = ".tmp"
	// reserveFile occupies space that is given up when the server's disk is full,
	// so that a log entry can still be written and prune can free more.
	reserveFile = ".reserve"
	reserveSize = 1 << 20
)

// Extensions of OpenSSH, from its file PROTOCOL, section 4.
const (
	extensionLink   = "hardlink@openssh.com"
	extensionFlush  = "fsync@openssh.com"
	extensionRename = "posix-rename@openssh.com"
)

// Codes of a status: SSH_FX_FAILURE from draft-ietf-secsh-filexfer-02, Section 7,
// and two of later versions that some servers send.
const (
	statusFailure = 4
	statusNoSpace = 14
	statusQuota   = 15
)

func (c *connection) has(extension string) bool {
	_, ok := c.sftp.HasExtension(extension)
	return ok
}

// Create implements storage.Storage.
func (s *Storage) Create(ctx context.Context, name string, data []byte) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	if len(data) > storage.MaxObject {
		return fmt.Errorf("sftp: an object has %d bytes at most, not %d", storage.MaxObject, len(data))
	}
	err := s.create(ctx, name, data)
	if errors.Is(err, fs.ErrNotExist) && path.Dir(name) != "." { // a copy of a vault may lack empty folders
		err = s.do(ctx, func(c *connection) error { return c.makeFolder(path.Dir(s.file(name))) })
		if err == nil {
			err = s.create(ctx, name, data)
		}
	}
	if errors.Is(err, storage.ErrFull) && strings.HasPrefix(name, "log/") && s.releaseReserve(ctx) {
		err = s.create(ctx, name, data)
	}
	return explain("creating", name, err)
}

// create writes an object. If an earlier attempt lost the connection before it
// knew whether the object was created, an object with the same bytes is its own.
func (s *Storage) create(ctx context.Context, name string, data []byte) error {
	unsure := false
	return s.do(ctx, func(c *connection) error {
		named := false
		err := s.createBy(c, s.file(name), data, &named)
		if errors.Is(err, storage.ErrExists) && unsure {
			switch same, e := c.holds(s.file(name), data); {
			case isLost(e):
				return e
			case same:
				err = nil
			}
		}
		if err == nil {
			s.remember(c, name, int64(len(data)))
		}
		unsure = unsure || named && isLost(err)
		return err
	})
}

// createBy writes a temporary file and gives it its name. It tries again if Clean
// of another process removed the temporary file meanwhile. It sets named before
// it sends the request that may create the object.
func (s *Storage) createBy(c *connection, file string, data []byte, named *bool) error {
	var err error
	for range 3 {
		var temp string
		if temp, err = s.writeTemp(c, data); err != nil {
			return err
		}
		*named = true
		err = s.nameTemp(c, temp, file)
		if isLost(err) {
			return err // Clean removes the temporary file
		}
		if removed := c.sftp.Remove(temp); err != nil && !errors.Is(err, storage.ErrExists) && errors.Is(removed, fs.ErrNotExist) {
			continue
		}
		return err
	}
	return err
}

// nameTemp gives a temporary file its name, or returns storage.ErrExists if that
// is taken. The temporary name may stay.
func (s *Storage) nameTemp(c *connection, temp, file string) error {
	if !c.has(extensionLink) || s.noLinks.Load() {
		return renameTemp(c, temp, file)
	}
	err := c.sftp.Link(temp, file)
	if err == nil || isLost(err) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// Version 3 of the protocol has no code for a name that is taken.
	switch _, e := c.sftp.Lstat(file); {
	case e == nil:
		return fmt.Errorf("%w: %s", storage.ErrExists, path.Base(file))
	case !errors.Is(e, fs.ErrNotExist):
		return e
	}
	if e := s.checkLinks(c); !errors.Is(e, storage.ErrNotAtomic) {
		return errors.Join(err, e)
	}
	return renameTemp(c, temp, file)
}

// renameTemp gives a temporary file its name where the server has no hard links.
// Of two writers at the same time, both may succeed.
func renameTemp(c *connection, temp, file string) error {
	_, err := c.sftp.Lstat(file)
	if err == nil {
		return fmt.Errorf("%w: %s", storage.ErrExists, path.Base(file))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return c.sftp.Rename(temp, file)
}

// checkLinks returns storage.ErrNotAtomic if the server cannot make hard links.
// A disk without room for another name is told apart, because the name that the
// link gets was there a moment before.
func (s *Storage) checkLinks(c *connection) error {
	if !c.has(extensionLink) {
		return fmt.Errorf("%w: the server lacks the extension %s", storage.ErrNotAtomic, extensionLink)
	}
	from, err := s.writeTemp(c, nil)
	if err != nil {
		return err
	}
	defer func() { _ = c.sftp.Remove(from) }() // Clean removes it otherwise
	to, err := s.writeTemp(c, nil)
	if err != nil {
		return err
	}
	if err := c.sftp.Remove(to); err != nil {
		return err
	}
	err = c.sftp.Link(from, to)
	switch {
	case err == nil:
		_ = c.sftp.Remove(to) // likewise
		return nil
	case isLost(err), errors.Is(err, fs.ErrNotExist): // by Clean of another process
		return err
	}
	s.noLinks.Store(true)
	return fmt.Errorf("%w: the server's file system has no hard links (%w)", storage.ErrNotAtomic, err)
}

// AtomicCreate returns storage.ErrNotAtomic if the server cannot tell which of
// two writers created a name first.
func (s *Storage) AtomicCreate(ctx context.Context) error {
	return explain("checking", "the server", s.do(ctx, s.checkLinks))
}

// Flushes reports whether the server writes to its disk when it is asked to.
// Otherwise its loss of power can lose what was backed up shortly before.
func (s *Storage) Flushes(ctx context.Context) (yes bool, err error) {
	err = s.do(ctx, func(c *connection) error {
		yes = c.has(extensionFlush)
		return nil
	})
	return yes, err
}

// holds reports whether a file has the bytes data.
func (c *connection) holds(file string, data []byte) (bool, error) {
	info, err := c.sftp.Lstat(file)
	if err != nil || info.Size() != int64(len(data)) {
		return false, err
	}
	b, err := c.read(file, 0, int64(len(data)))
	return err == nil && bytes.Equal(b, data), err
}

// writeTemp writes data to a new temporary file and flushes it to the disk.
func (s *Storage) writeTemp(c *connection, data []byte) (string, error) {
	var random [16]byte
	_, _ = rand.Read(random[:]) // it never fails
	temp := path.Join(s.root, tempFolder, hex.EncodeToString(random[:]))
	err := c.write(temp, data, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if errors.Is(err, fs.ErrNotExist) { // somebody removed the folder
		if err = c.makeFolder(path.Dir(temp)); err == nil {
			err = c.write(temp, data, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		}
	}
	if err == nil || isLost(err) {
		return temp, err
	}
	err = s.explainWrite(c, err, len(data))
	_ = c.sftp.Remove(temp) // it may never have been made
	return "", err
}

func (c *connection) write(file string, data []byte, flags int) error {
	f, err := c.sftp.OpenFile(file, flags)
	if err != nil {
		return err
	}
	if len(data) > 0 {
		_, err = f.Write(data)
	}
	if err == nil && c.has(extensionFlush) {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// explainWrite returns storage.ErrFull for a failed write if the server's disk
// has little room. Version 3 of the protocol has no code for a full disk, and what
// others wrote and removed meanwhile counts too.
func (s *Storage) explainWrite(c *connection, err error, size int) error {
	var status *sftp.StatusError
	if !errors.As(err, &status) {
		return err
	}
	full := status.Code == statusNoSpace || status.Code == statusQuota
	if status.Code == statusFailure {
		room, e := c.sftp.StatVFS(s.root)
		full = e == nil && (room.Bavail*room.Frsize < uint64(size)+2*storage.MaxObject || room.Files > 0 && room.Favail == 0)
	}
	if full {
		return fmt.Errorf("%w: %w", storage.ErrFull, err)
	}
	return err
}

// makeFolder makes a folder that only its owner can enter, unless it exists.
func (c *connection) makeFolder(name string) error {
	err := c.sftp.Mkdir(name)
	if err == nil {
		return c.sftp.Chmod(name, 0o700)
	}
	if info, e := c.sftp.Lstat(name); e == nil && info.IsDir() {
		return nil
	}
	return err
}

// Replace implements storage.Storage.
func (s *Storage) Replace(ctx context.Context, name string, data []byte) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	err := s.do(ctx, func(c *connection) error {
		temp, err := s.writeTemp(c, data)
		if err != nil {
			return err
		}
		if c.has(extensionRename) {
			err = c.sftp.PosixRename(temp, s.file(name))
		} else if err = c.sftp.Remove(s.file(name)); err == nil || errors.Is(err, fs.ErrNotExist) {
			err = c.sftp.Rename(temp, s.file(name))
		}
		if err == nil {
			s.remember(c, name, int64(len(data)))
		}
		return err
	})
	return explain("replacing", name, err)
}

// remember has the next Sync look after an object.
func (s *Storage) remember(c *connection, name string, size int64) {
	s.mu.Lock()
	s.unsynced[name] = created{size, c.number}
	s.mu.Unlock()
}

// Sync implements storage.Storage. If the connection was lost since an object was
// created, the server may have crashed and lost its name: Sync then looks whether
// it is there.
func (s *Storage) Sync(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	unsynced := s.unsynced
	s.unsynced = map[string]created{}
	s.mu.Unlock()
	err := s.do(ctx, func(c *connection) error { return s.flush(c, unsynced) })
	if err != nil {
		s.mu.Lock()
		for name, o := range unsynced {
			if _, newer := s.unsynced[name]; !newer {
				s.unsynced[name] = o
			}
		}
		s.mu.Unlock()
		return explain("flushing", "the vault's folder", err)
	}
	s.fillReserve(ctx)
	return nil
}

// flush flushes the folders of objects. The names are looked for afterwards, so
// that no crash can come in between.
func (s *Storage) flush(c *connection, unsynced map[string]created) error {
	flushed := map[string]bool{}
	for name := range unsynced {
		dir := path.Dir(s.file(name))
		if flushed[dir] {
			continue
		}
		flushed[dir] = true
		if err := c.flushFolder(dir); err != nil {
			return err
		}
	}
	for name, o := range unsynced {
		if o.connection == c.number || o.size < 0 {
			continue
		}
		info, err := c.sftp.Lstat(s.file(name))
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() != o.size {
			return refusal{fmt.Errorf("sftp: the server lost %s after it had been written: run the command again", name)}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// flushFolder flushes the names in a folder to the disk, as far as the server
// can: OpenSSH's opens folders like files.
func (c *connection) flushFolder(dir string) error {
	if !c.has(extensionFlush) {
		return nil
	}
	f, err := c.sftp.Open(dir)
	if err == nil {
		err = f.Sync()
		if e := f.Close(); err == nil {
			err = e
		}
	}
	var status *sftp.StatusError
	if errors.As(err, &status) || errors.Is(err, fs.ErrPermission) {
		return nil // another server, which opens files only
	}
	return err
}

// fillReserve makes the reserve file if it is missing and there is room. The next
// Sync tries again what did not work.
func (s *Storage) fillReserve(ctx context.Context) {
	if s.reserveFull.Load() {
		return
	}
	file := path.Join(s.root, reserveFile)
	err := s.do(ctx, func(c *connection) error {
		if info, err := c.sftp.Lstat(file); err == nil && info.Size() == reserveSize {
			return nil
		}
		random := make([]byte, reserveSize) // a file system that compresses must not save the space
		_, _ = rand.Read(random)            // it never fails
		err := c.write(file, random, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
		if err != nil && !isLost(err) {
			_ = c.sftp.Remove(file) // no room for it
		}
		return err
	})
	s.reserveFull.Store(err == nil)
}

// releaseReserve gives up the reserved space and reports whether there was any.
func (s *Storage) releaseReserve(ctx context.Context) bool {
	s.reserveFull.Store(false)
	return s.do(ctx, func(c *connection) error { return c.sftp.Remove(path.Join(s.root, reserveFile)) }) == nil
}
