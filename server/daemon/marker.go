// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
)

var processStart = time.Now()

// markerName is the file by which a folder that was copied or put back is known.
const markerName = "incarnation.json"

// marker is what that file holds. It names itself: a copy of the file is another
// file. And it has the newest time of the store: a store that was put back beside
// it has an older one.
type marker struct {
	Incarnation string       `json:"incarnation"`
	Newest      int64        `json:"newest"`
	File        fileIdentity `json:"file"`
}

// fileIdentity tells a file from a copy of it, where the system can tell.
type fileIdentity struct {
	Inode  uint64 `json:"inode"`
	Device uint64 `json:"device"`
	Born   int64  `json:"born"` // in nanoseconds since the Unix epoch; 0: the file system does not tell
}

// same compares two identities. Devices get other numbers when a machine starts,
// so that they count only where files have no time of birth.
func (f fileIdentity) same(other fileIdentity) bool {
	return f.Inode == other.Inode && f.Born == other.Born && (f.Born != 0 || f.Device == other.Device)
}

// writeMarker writes the marker of a folder in place of the one before.
func writeMarker(dir string, row server.StateRow) error {
	fresh := filepath.Join(dir, markerName+".new")
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	id, err := identify(fresh)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	b, err := json.Marshal(marker{hex.EncodeToString(row.Incarnation[:]), row.Newest, id})
	if err == nil {
		_, err = file.Write(append(b, '\n'))
	}
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(fresh, filepath.Join(dir, markerName)) // keeps the file's identity
}

// isOriginal reports whether a folder is the one in which its store was last
// served, and nothing was put back.
func isOriginal(dir string, row server.StateRow) (bool, error) {
	path := filepath.Join(dir, markerName)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var m marker
	if json.Unmarshal(b, &m) != nil {
		return false, nil
	}
	id, err := identify(path)
	if err != nil {
		return false, err
	}
	return m.File.same(id) && m.Incarnation == hex.EncodeToString(row.Incarnation[:]) && m.Newest <= row.Newest, nil
}

// renewIncarnationIfRestored starts a new incarnation of a folder that was copied
// or restored.
func (d *dataFolder) renewIncarnationIfRestored(ctx context.Context, log *slog.Logger) error {
	row, err := d.state(ctx)
	if err != nil {
		return err
	}
	if row.Incarnation != (protocol.Incarnation{}) { // it was served before
		original, err := isOriginal(d.dir, row)
		if err != nil {
			return fmt.Errorf("cannot read the data folder: %w. Check whose it is, or choose another one with --data", err)
		}
		if !original {
			log.Warn("the data folder was copied or put back: clients are told that the server may have gone back in time, and one-time key packages are deleted")
			if err := server.BeginIncarnation(ctx, d.store, rand.Reader); err != nil {
				return err
			}
		}
	}
	if _, err := server.Incarnation(ctx, d.store, rand.Reader); err != nil {
		return err
	}
	if row, err = d.state(ctx); err != nil {
		return err
	}
	if err := writeMarker(d.dir, row); err != nil {
		return fmt.Errorf("cannot write into the data folder: %w. Check whose it is and whether there is room", err)
	}
	return nil
}

// markerUpdater returns a function that keeps the marker as new as the store.
func (d *dataFolder) markerUpdater(log *slog.Logger) func(server.StateRow) {
	return func(row server.StateRow) {
		if err := writeMarker(d.dir, row); err != nil {
			log.Warn("the data folder's marker could not be written; it is tried again in a minute")
		}
	}
}

func (d *dataFolder) state(ctx context.Context) (row server.StateRow, err error) {
	err = d.store.View(ctx, func(tx server.ReadTx) error {
		row, err = tx.State().Get()
		return err
	})
	return row, err
}
