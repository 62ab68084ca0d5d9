// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/store/pebble"
)

type restoreCmd struct {
	From    string `arg:"" name:"from" help:"Folder with the backup." type:"path"`
	To      string `arg:"" name:"dir" optional:"" help:"Data folder to restore into. Default: the one of --data." type:"path"`
	Replace bool   `help:"Restore into a folder that has data. What is there is moved into a folder beside it."`
}

// A restore prepares everything in the folder "restoring" within the data folder.
// The file "ready" there says that all was verified, and what is to be moved
// where; from then on the restore is finished by whatever command comes next.
const (
	stagingName = "restoring"
	readyName   = "ready"
)

// placing is what the file "ready" holds.
type placing struct {
	Pieces   []string `json:"pieces"`   // to be moved into the data folder
	Replaced string   `json:"replaced"` // folder for what was there
}

// Run restores a backup. The data folder is as it was until all of the backup was
// found right.
func (c *restoreCmd) Run(ctx context.Context, w *console, all *cli) (err error) {
	dir := c.To
	if dir == "" {
		dir = all.Data
	}
	m, err := readManifest(c.From)
	if err != nil {
		return err
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if done, err := finishRestore(dir); done || err != nil && !errors.Is(err, errRestoring) {
		if err == nil {
			_, err = fmt.Fprintf(w.out, "The restore that was interrupted is complete now: %s is as in that backup. To restore another one, run the command again with --replace.\n", dir)
		}
		return err
	}
	if hasData(dir) && !c.Replace {
		return fmt.Errorf("%s has a server's data. Choose another folder, or use --replace, which moves what is there into a folder beside it", dir)
	}
	staging := filepath.Join(dir, stagingName)
	if err := os.RemoveAll(staging); err != nil { // of a restore that was interrupted
		return err
	}
	if err := c.stage(ctx, m, staging); err != nil {
		return errors.Join(err, os.RemoveAll(staging))
	}
	replaced, err := markReady(dir, staging)
	if err != nil {
		return errors.Join(err, os.RemoveAll(staging))
	}
	if _, err := finishRestore(dir); err != nil {
		return err
	}
	return c.tell(w, m, dir, replaced)
}

func (c *restoreCmd) tell(w *console, m *manifest, dir, replaced string) error {
	_, err := fmt.Fprintf(w.out, "Restored %s into %s as it was at %s; everything was verified.\nStart it with: securecryptd --data %s serve\n", m.Host, dir, m.Made.Format(time.DateTime), dir)
	if _, statErr := os.Stat(filepath.Join(dir, replaced)); statErr == nil {
		_, _ = fmt.Fprintf(w.out, "What was there before is in %s; delete it once all is well.\n", filepath.Join(dir, replaced))
	}
	if time.Since(m.Made) > 3*24*time.Hour {
		_, _ = fmt.Fprintf(w.out, "The backup is older than three days, so that the server will doubt its clock and let nothing expire until: securecryptd --data %s clock confirm\n", dir)
	}
	return err
}

// lockFolder is lockData with words for restore.
func lockFolder(dir string) (io.Closer, error) {
	lock, err := lockData(dir)
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("a securecryptd is using %s: stop it first, or choose another folder", dir)
	}
	return lock, err
}

func readManifest(from string) (*manifest, error) {
	b, err := os.ReadFile(filepath.Join(from, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(filepath.Join(from, unfinishedName)); err == nil {
			return nil, fmt.Errorf("the backup at %s was interrupted before it was whole: use another one, or make it again with: securecryptd backup %s", from, from)
		}
		return nil, fmt.Errorf("there is no backup at %s: name a folder that securecryptd backup has made", from)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the backup: %w. Check whose it is", err)
	}
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("the backup at %s is damaged: its list of files cannot be read. Use another backup", from)
	}
	if m.Version != backupVersion {
		return nil, fmt.Errorf("the backup at %s has version %d, this program knows %d: use the version of the program that fits", from, m.Version, backupVersion)
	}
	for _, f := range m.Files {
		if !isBackupPath(f.Path) {
			return nil, fmt.Errorf("the backup at %s is damaged: its list of files has something else in it. Use another backup", from)
		}
	}
	return &m, nil
}

// hasData reports whether something of a server lies in a folder.
func hasData(dir string) bool {
	return slices.ContainsFunc(backupPieces, func(name string) bool {
		_, err := os.Lstat(filepath.Join(dir, name))
		return err == nil
	})
}

// stage copies the backup and verifies it: each file by its hash, then the store
// and what it says about blobs. Then it begins another incarnation.
func (c *restoreCmd) stage(ctx context.Context, m *manifest, staging string) error {
	for _, f := range m.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := copyVerified(filepath.Join(c.From, filepath.FromSlash(f.Path)), filepath.Join(staging, filepath.FromSlash(f.Path)), f)
		switch {
		case errors.Is(err, syscall.ENOSPC):
			return fmt.Errorf("there is not enough room for the data: make some and run the command again; the folder is as it was")
		case errors.Is(err, errDiffers):
			return fmt.Errorf("the backup is damaged: %s is not what was backed up. Use another backup; the folder is as it was", f.Path)
		case err != nil:
			return fmt.Errorf("the backup cannot be copied: %w. The folder is as it was; run the command again", err)
		}
	}
	problems, err := verifyFolder(ctx, staging, m, false)
	if err == nil && len(problems) > 0 {
		err = errors.New(problems[0])
	}
	if err != nil {
		return fmt.Errorf("the backup is damaged: %w. Use another backup; the folder is as it was", err)
	}
	return beginRestored(ctx, staging)
}

var errDiffers = errors.New("another content")

func copyVerified(from, to string, want backupFile) error {
	file, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return errDiffers
	}
	if err != nil {
		return err
	}
	hash := sha256.New()
	if err := errors.Join(writeFile(to, io.TeeReader(io.LimitReader(file, want.Size+1), hash)), file.Close()); err != nil {
		return err
	}
	if hex.EncodeToString(hash.Sum(nil)) != want.SHA256 {
		return errDiffers
	}
	return nil
}

// beginRestored begins another incarnation, and marks the folder as the one in
// which that lives.
func beginRestored(ctx context.Context, staging string) (err error) {
	store, err := pebble.Open(filepath.Join(staging, "store"), pebble.Options{Reserve: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := server.BeginIncarnation(ctx, store, rand.Reader); err != nil {
		return err
	}
	row, err := (&dataFolder{store: store}).state(ctx)
	if err != nil {
		return err
	}
	return writeMarker(staging, row)
}

// freeName returns a name that nothing in a folder has: two restores may be begun
// within a second.
func freeName(dir, name string) string {
	free := name
	for n := 2; ; n++ {
		if _, err := os.Lstat(filepath.Join(dir, free)); errors.Is(err, fs.ErrNotExist) || n > 1000 {
			return free
		}
		free = fmt.Sprintf("%s-%d", name, n)
	}
}

// markReady says that what is staged can be put in place.
func markReady(dir, staging string) (replaced string, err error) {
	p := placing{Replaced: freeName(dir, "replaced-"+time.Now().UTC().Format("20060102T150405Z"))}
	for _, name := range append([]string{markerName}, backupPieces...) {
		if _, err := os.Lstat(filepath.Join(staging, name)); err == nil {
			p.Pieces = append(p.Pieces, name)
		}
	}
	if err := syncTree(staging); err != nil {
		return "", err
	}
	b, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	fresh := filepath.Join(staging, readyName+".new")
	if err := writeFile(fresh, bytes.NewReader(b)); err != nil {
		return "", err
	}
	if err := os.Rename(fresh, filepath.Join(staging, readyName)); err != nil {
		return "", err
	}
	return p.Replaced, errors.Join(syncFolder(staging), syncFolder(dir))
}

// errRestoring says that a restore was interrupted before it was verified.
var errRestoring = errors.New("a restore into this folder was interrupted before it was complete")

// finishRestore goes on with a restore that was interrupted while its files were
// put in place, and reports whether there was one. It returns errRestoring for one
// that has to be begun again.
func finishRestore(dir string) (done bool, err error) {
	staging := filepath.Join(dir, stagingName)
	b, err := os.ReadFile(filepath.Join(staging, readyName))
	if errors.Is(err, fs.ErrNotExist) {
		err := os.Remove(staging) // a finished restore leaves it empty
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return false, fmt.Errorf("%w: run securecryptd restore with the backup again, or delete %s to go on with what was there before", errRestoring, staging)
	}
	var p placing
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		return false, fmt.Errorf("cannot go on with a restore that was interrupted: %w. Put that right and run the command again", err)
	}
	for _, name := range append([]string{markerName}, backupPieces...) {
		if err := place(dir, staging, name, p); err != nil {
			return false, fmt.Errorf("cannot go on with a restore that was interrupted: %w. Put that right and run the command again", err)
		}
	}
	if err := syncFolder(dir); err != nil {
		return false, err
	}
	return true, errors.Join(os.Remove(filepath.Join(staging, readyName)), os.Remove(staging))
}

// place moves a piece into the data folder, and what is there out of its way. Once
// it has been moved, it is no longer in staging.
func place(dir, staging, name string, p placing) error {
	from, to, old := filepath.Join(staging, name), filepath.Join(dir, name), filepath.Join(dir, p.Replaced, name)
	_, stagedErr := os.Lstat(from)
	if slices.Contains(p.Pieces, name) && errors.Is(stagedErr, fs.ErrNotExist) {
		return nil // in place already
	}
	if _, err := os.Lstat(to); err == nil {
		if err := os.MkdirAll(filepath.Dir(old), 0o700); err != nil {
			return err
		}
		if err := os.Rename(to, old); err != nil {
			return err
		}
	}
	if stagedErr != nil {
		return nil // not in the backup
	}
	return os.Rename(from, to)
}
