// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/blob/folder"
	"github.com/securecrypt/securecrypt/server/push/webpush"
	"github.com/securecrypt/securecrypt/server/store/pebble"
)

// dataFolder is a locked data folder.
type dataFolder struct {
	dir   string
	lock  io.Closer
	store *pebble.Store
	blobs *folder.Folder
	admin *adminFile
}

// errLocked says that another process uses the folder.
var errLocked = errors.New("locked")

// lockData creates the folder if need be and locks it.
func lockData(dir string) (io.Closer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot create the data folder: %w", err)
	}
	lock, err := vfs.Default.Lock(filepath.Join(dir, "lock"))
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("cannot use the data folder: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: another securecryptd is using the data folder %s. Stop it first, or choose another folder with --data", errLocked, dir)
	}
	return lock, nil
}

func openData(dir string, log *slog.Logger) (*dataFolder, error) {
	lock, err := lockData(dir)
	if errors.Is(err, errLocked) {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "locked: "))
	}
	if err != nil {
		return nil, err
	}
	d := &dataFolder{dir: dir, lock: lock}
	if d.store, err = pebble.Open(filepath.Join(dir, "store"), pebble.Options{Log: log}); err != nil {
		err = fmt.Errorf("cannot open the store in %s: %w", dir, err)
		if errors.Is(err, server.ErrCorrupt) {
			err = fmt.Errorf("%w. Restore the folder from a backup, or keep it and ask for help", err)
		}
		return nil, errors.Join(err, lock.Close())
	}
	if d.blobs, err = folder.New(filepath.Join(dir, "blobs"), d.room); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// room refuses blobs what the store needs to go on.
func (d *dataFolder) room(need uint64) error {
	usage, err := vfs.Default.GetDiskUsage(d.dir)
	if errors.Is(err, vfs.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return err
	}
	if usage.AvailBytes < 2*pebble.DefaultReserve+need {
		return server.ErrFull
	}
	return nil
}

// pushKey returns the key that push services know this server by.
func (d *dataFolder) pushKey() (*ecdsa.PrivateKey, error) {
	key, err := webpush.KeyFile(filepath.Join(d.dir, "push.pem"))
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "webpush: "))
	}
	return key, nil
}

// rememberHost refuses to serve a folder under another name than before: its
// accounts' addresses would all be wrong.
func (d *dataFolder) rememberHost(host string) error {
	path := filepath.Join(d.dir, "host")
	before, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return os.WriteFile(path, []byte(host+"\n"), 0o600)
	case err != nil:
		return fmt.Errorf("cannot read the data folder: %w", err)
	}
	if was := strings.TrimSpace(string(before)); was != host {
		return fmt.Errorf("this data folder belongs to %s, not %s: its accounts' addresses end in it. Use --host %s, or another folder with --data", was, host, was)
	}
	return nil
}

// hostOf returns the host that a folder belongs to, or nothing.
func hostOf(dir string) string {
	b, err := os.ReadFile(filepath.Join(dir, "host"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func (d *dataFolder) close() error {
	var errs []error
	if d.admin != nil {
		errs = append(errs, d.admin.remove())
	}
	if d.store != nil {
		errs = append(errs, d.store.Close())
	}
	return errors.Join(append(errs, d.lock.Close())...)
}
