// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/store/pebble"
)

type backupCmd struct {
	To string `arg:"" name:"dir" help:"Folder for the backup: a new or an empty one." type:"path"`
}

// Run makes a backup. Until the manifest is there, the folder is marked as
// unfinished.
func (c *backupCmd) Run(ctx context.Context, w *console, all *cli) error {
	if err := c.prepare(w); err != nil {
		return err
	}
	var m *manifest
	err := withAdmin(all.Data, func(o adminAPI) error {
		in, err := o.archive(ctx)
		if err != nil {
			return err
		}
		m, err = receiveArchive(in, c.To)
		return errors.Join(err, in.Close())
	})
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("there is not enough room at %s: make some, or choose another folder, and run the command again", c.To)
	case err != nil:
		return fmt.Errorf("there is no backup: %w. What is at %s is not whole; run the command again", err, c.To)
	}
	problems, err := verifyFolder(ctx, c.To, m, true)
	if err == nil && len(problems) > 0 {
		err = fmt.Errorf("the data is damaged (%s): stop the server and run securecryptd check", problems[0])
	}
	if err != nil {
		return fmt.Errorf("there is no backup: %w. Run the command again", err)
	}
	if err := c.finish(m); err != nil {
		return fmt.Errorf("there is no backup: %w. Run the command again", err)
	}
	_, err = fmt.Fprintf(w.out, "Backup of %s at %s: %d files, %d MiB, verified.\nKeep it on another machine. To put it back: securecryptd restore %s\n", m.Host, c.To, len(m.Files), m.size()>>20, c.To)
	return err
}

// prepare takes a new folder, an empty one, or one in which a backup was
// interrupted.
func (c *backupCmd) prepare(w *console) error {
	if err := os.MkdirAll(c.To, 0o700); err != nil {
		return fmt.Errorf("cannot create the folder for the backup: %w. Choose another one", err)
	}
	entries, err := os.ReadDir(c.To)
	if err != nil {
		return fmt.Errorf("cannot read the folder for the backup: %w. Choose another one", err)
	}
	unfinished := filepath.Join(c.To, unfinishedName)
	_, err = os.Lstat(unfinished)
	switch {
	case len(entries) == 0:
	case err != nil:
		return fmt.Errorf("there is something at %s already: choose a new folder for each backup", c.To)
	default:
		_, _ = fmt.Fprintf(w.err, "The backup at %s was interrupted before it was whole; it is made again from the beginning.\n", c.To)
		for _, name := range backupPieces {
			if err := os.RemoveAll(filepath.Join(c.To, name)); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(unfinished, []byte("This backup is not whole. Run securecryptd backup with this folder again, or delete it.\n"), 0o600)
}

// finish writes the manifest, which makes the folder a backup.
func (c *backupCmd) finish(m *manifest) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	fresh := filepath.Join(c.To, manifestName+".new")
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeFile(fresh, bytes.NewReader(append(b, '\n'))); err != nil {
		return err
	}
	if err := syncTree(c.To); err != nil {
		return err
	}
	if err := os.Rename(fresh, filepath.Join(c.To, manifestName)); err != nil {
		return err
	}
	if err := syncFolder(c.To); err != nil {
		return err
	}
	return os.Remove(filepath.Join(c.To, unfinishedName))
}

// backupPieces are what a backup and a data folder have in common.
var backupPieces = []string{"store", "blobs", "host", "push.pem", "certs"}

// verifyFolder reads the store of a backup or of what is to become a data folder,
// and compares the content of blobs with it. m has the files' hashes.
func verifyFolder(ctx context.Context, dir string, m *manifest, readOnly bool) (problems []string, err error) {
	store, err := pebble.Open(filepath.Join(dir, "store"), pebble.Options{ReadOnly: readOnly, Reserve: 1})
	if err != nil {
		return nil, fmt.Errorf("the store cannot be opened: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	found, err := store.Check(ctx, m.Host)
	if err != nil {
		return nil, err
	}
	return append(found.Problems, compareBlobs(m, found.Blobs)...), nil
}

// compareBlobs compares the blobs of a backup with the rows that its store has.
func compareBlobs(m *manifest, rows map[protocol.BlobID]server.BlobRow) (problems []string) {
	files := map[string]backupFile{}
	for _, f := range m.Files {
		files[f.Path] = f
	}
	for id, row := range rows {
		name := hex.EncodeToString(id[:])
		f := files["blobs/"+name[:2]+"/"+name]
		switch {
		case uint64(f.Size) != row.Offset:
			problems = append(problems, "blob: its content is shorter or longer than it should be")
		case len(row.Hash) > 0 && f.SHA256 != hex.EncodeToString(row.Hash):
			problems = append(problems, "blob: its content is not what was received")
		}
	}
	return problems
}

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EINVAL) { // where folders cannot be synced
		err = nil
	}
	return errors.Join(err, f.Close())
}

// syncTree does so for all folders below one.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		return syncFolder(path)
	})
}
