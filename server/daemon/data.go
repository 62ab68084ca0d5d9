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

	reserve   uint64 // bytes of the disk that stay free
	archiving backupLock
}

// errLocked says that another process uses the folder.
var errLocked = errors.New("locked")

// lockData creates the folder if need be and locks it.
func lockData(dir string) (io.Closer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot create the data folder: %w. Choose another one with --data", err)
	}
	lock, err := vfs.Default.Lock(filepath.Join(dir, "lock"))
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("cannot use the data folder: %w. Check whose it is, or choose another one with --data", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: another securecryptd is using the data folder %s. Stop it first, or choose another folder with --data", errLocked, dir)
	}
	return lock, nil
}

// enoughRoom refuses to start a server on a disk where it could store nothing.
func enoughRoom(dir string, reserve uint64) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cannot create the data folder: %w. Choose another one with --data", err)
	}
	usage, err := vfs.Default.GetDiskUsage(dir)
	if err != nil || usage.AvailBytes >= reserve {
		return nil // where the room is not known, the first write will tell
	}
	return fmt.Errorf("the disk of %s has %d MiB free, less than the reserve of %d MiB, so that the server could store nothing. Free some room, use another --data, or set a smaller --reserve-mib",
		dir, usage.AvailBytes>>20, reserve>>20)
}

// openData opens a folder; reserve is how many bytes of its disk stay free, 0
// stands for the default.
func openData(dir string, log *slog.Logger, reserve uint64) (*dataFolder, error) {
	if reserve == 0 {
		reserve = pebble.DefaultReserve
	}
	lock, err := lockData(dir)
	if errors.Is(err, errLocked) {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "locked: "))
	}
	if err != nil {
		return nil, err
	}
	d := &dataFolder{dir: dir, lock: lock, reserve: reserve, archiving: make(backupLock, 1)}
	done, err := finishRestore(dir)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if done && log != nil {
		log.Info("a restore that was interrupted is complete now")
	}
	if err := errors.Join(makePrivate(dir), os.RemoveAll(filepath.Join(dir, checkpointName))); err != nil { // of a backup that was interrupted
		return nil, errors.Join(err, lock.Close())
	}
	if d.store, err = pebble.Open(filepath.Join(dir, "store"), pebble.Options{Log: log, Reserve: reserve}); err != nil {
		err = fmt.Errorf("cannot open the store in %s: %w", dir, err)
		if errors.Is(err, server.ErrCorrupt) {
			err = fmt.Errorf("%w. Put a backup back with securecryptd restore, or keep the folder and ask for help", err)
		}
		return nil, errors.Join(err, lock.Close())
	}
	if d.blobs, err = folder.New(filepath.Join(dir, "blobs"), d.room); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// makePrivate takes from others the right to read what is in the folder, which
// may itself be open to them.
func makePrivate(dir string) error {
	for _, name := range []string{"store", "blobs", "certs"} {
		err := os.Chmod(filepath.Join(dir, name), 0o700)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot make the data folder private: %w. Check whose it is, or choose another one with --data", err)
		}
	}
	return nil
}

// free returns how many bytes can be stored before the reserve is touched.
func (d *dataFolder) free() (uint64, error) {
	usage, err := vfs.Default.GetDiskUsage(d.dir)
	if err != nil {
		return 0, err
	}
	return usage.AvailBytes - min(usage.AvailBytes, d.reserve), nil
}

// room refuses blobs what the store needs to go on: a second reserve.
func (d *dataFolder) room(need uint64) error {
	free, err := d.free()
	if errors.Is(err, vfs.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return err
	}
	if free < d.reserve+need {
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
		return fmt.Errorf("cannot read the data folder: %w. Check whose it is, or choose another one with --data", err)
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
