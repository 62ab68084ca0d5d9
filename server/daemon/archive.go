// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/store/pebble"
)

// A backup is a folder with these files, as they lie in a data folder, and a
// manifest that is written last. It travels as a tar stream, because the server
// that reads the data need not be allowed to write where the backup goes.
const (
	manifestName   = "backup.json"
	unfinishedName = "backup.unfinished"
	backupVersion  = 1
)

// manifest lists the files of a backup.
type manifest struct {
	Version int          `json:"version"`
	Made    time.Time    `json:"made"`
	Host    string       `json:"host"`
	Program string       `json:"program"`
	Files   []backupFile `json:"files"`
}

type backupFile struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// size is how many bytes all files have.
func (m *manifest) size() (n int64) {
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}

// checkpointName is the folder within the data folder where the store's
// checkpoint lies while a backup is made.
const checkpointName = "checkpoint"

// errBusy says that a backup is being made already.
var errBusy = errors.New("another backup is being made: wait until it is done")

// busyFor is how long a backup waits for another one, which may be of a command
// that was killed: the server notices that when it writes on.
const busyFor = 10 * time.Second

// A backupLock allows one backup at a time.
type backupLock chan struct{}

func (o backupLock) acquire(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, busyFor)
	defer cancel()
	select {
	case o <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (o backupLock) release() { <-o }

// archive writes a backup of the folder as it is now. What is stored meanwhile is
// not in it; nothing has to wait.
func (d *dataFolder) archive(ctx context.Context, w io.Writer) (err error) {
	if !d.archiving.acquire(ctx) {
		return errBusy
	}
	defer d.archiving.release()
	release, err := d.blobs.Hold() // before the checkpoint, so that no content is deleted of which it has the row
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	dir := filepath.Join(d.dir, checkpointName)
	if err := os.RemoveAll(dir); err != nil { // of a process that was killed
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := d.store.Checkpoint(dir); err != nil {
		return fmt.Errorf("cannot copy the store: %w", err)
	}
	a := &archiver{tar: tar.NewWriter(w), manifest: manifest{Version: backupVersion, Made: time.Now().UTC().Truncate(time.Second), Host: hostOf(d.dir), Program: Version}}
	if err := a.tree(ctx, dir, "store"); err != nil {
		return err
	}
	if err := d.archiveBlobs(ctx, a, dir); err != nil {
		return err
	}
	for _, name := range []string{"host", "push.pem", "certs"} {
		if err := a.tree(ctx, filepath.Join(d.dir, name), name); err != nil {
			return err
		}
	}
	return a.finish()
}

// archiveBlobs adds the content of the blobs that a checkpoint has, as far as it
// had arrived.
func (d *dataFolder) archiveBlobs(ctx context.Context, a *archiver, checkpoint string) (err error) {
	store, err := pebble.Open(checkpoint, pebble.Options{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("cannot read the copy of the store: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return store.EachBlob(ctx, func(row server.BlobRow) error {
		if row.Offset == 0 {
			return nil
		}
		file, err := d.blobs.OpenHeld(row.Blob)
		if errors.Is(err, server.ErrNotFound) {
			return errors.New("the content of a file is missing: stop the server and run securecryptd check")
		}
		if err != nil {
			return err
		}
		name := hex.EncodeToString(row.Blob[:])
		err = a.file(path.Join("blobs", name[:2], name), file, int64(row.Offset))
		return errors.Join(err, file.Close())
	})
}

// archiver writes files and notes them.
type archiver struct {
	tar      *tar.Writer
	manifest manifest
}

// tree adds a file, or all files of a folder. What does not exist is left out.
func (a *archiver) tree(ctx context.Context, from, name string) error {
	return filepath.WalkDir(from, func(p string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return errors.Join(err, ctx.Err())
		}
		rest, err := filepath.Rel(from, p)
		if err != nil || rest == "LOCK" { // of the store, which has nothing in it
			return err
		}
		file, err := os.Open(p)
		if err != nil {
			return err
		}
		info, err := file.Stat()
		if err == nil {
			err = a.file(path.Join(name, filepath.ToSlash(rest)), file, info.Size())
		}
		return errors.Join(err, file.Close())
	})
}

// file adds the first size bytes of a file.
func (a *archiver) file(name string, r io.Reader, size int64) error {
	header := &tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: a.manifest.Made, Format: tar.FormatPAX}
	if err := a.tar.WriteHeader(header); err != nil {
		return err
	}
	hash := sha256.New()
	n, err := io.CopyN(io.MultiWriter(a.tar, hash), r, size)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("a file has %d bytes of %d: stop the server and run securecryptd check", n, size)
	}
	a.manifest.Files = append(a.manifest.Files, backupFile{name, size, hex.EncodeToString(hash.Sum(nil))})
	return err
}

// finish adds the manifest, by which the stream is known to be whole.
func (a *archiver) finish() error {
	b, err := json.MarshalIndent(a.manifest, "", "  ")
	if err != nil {
		return err
	}
	err = a.tar.WriteHeader(&tar.Header{Name: manifestName, Mode: 0o600, Size: int64(len(b)), ModTime: a.manifest.Made, Format: tar.FormatPAX})
	if err != nil {
		return err
	}
	if _, err := a.tar.Write(b); err != nil {
		return err
	}
	return a.tar.Close()
}

// receiveArchive writes what archive made into dir and returns its manifest. It
// returns errCut if the stream ends before that.
func receiveArchive(r io.Reader, dir string) (*manifest, error) {
	hashes := map[string]backupFile{}
	in := tar.NewReader(r)
	for {
		header, err := in.Next()
		if err != nil {
			return nil, errCut
		}
		if header.Name == manifestName {
			m, err := readArchived(in, hashes)
			_, _ = io.Copy(io.Discard, r) // until the other side has tidied up
			return m, err
		}
		got, err := receiveFile(in, dir, header)
		if err != nil {
			return nil, err
		}
		hashes[got.Path] = got
	}
}

var errCut = errors.New("the server stopped sending before all was there: read its log, and run the command again")

// receiveFile writes one file, which is to be durable when it returns.
func receiveFile(in io.Reader, dir string, header *tar.Header) (backupFile, error) {
	if !isBackupPath(header.Name) || header.Typeflag != tar.TypeReg {
		return backupFile{}, fmt.Errorf("%w: it sent something else than a file", errCut)
	}
	hash := sha256.New()
	read := &watchedReader{r: in}
	err := writeFile(filepath.Join(dir, filepath.FromSlash(header.Name)), io.TeeReader(read, hash))
	if read.failed {
		return backupFile{}, errCut
	}
	return backupFile{header.Name, header.Size, hex.EncodeToString(hash.Sum(nil))}, err
}

// watchedReader tells errors of reading from those of writing.
type watchedReader struct {
	r      io.Reader
	failed bool
}

func (w *watchedReader) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	w.failed = err != nil && !errors.Is(err, io.EOF)
	return n, err
}

// writeFile writes a new file with its folders, private and durable.
func writeFile(to string, r io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, r)
	return errors.Join(err, file.Sync(), file.Close())
}

// readArchived reads the manifest and compares it with what was received.
func readArchived(in io.Reader, got map[string]backupFile) (*manifest, error) {
	var m manifest
	if json.NewDecoder(in).Decode(&m) != nil {
		return nil, errCut
	}
	for _, f := range m.Files {
		if got[f.Path] != f {
			return nil, fmt.Errorf("%w: %s did not arrive as it was sent", errCut, f.Path)
		}
	}
	return &m, nil
}

// isBackupPath reports whether a name may stand in a backup: a path that stays
// within it, of something that a data folder has.
func isBackupPath(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	known := first == "store" || first == "blobs" || first == "certs" || name == "host" || name == "push.pem"
	return known && fs.ValidPath(name) && !strings.Contains(name, `\`)
}
