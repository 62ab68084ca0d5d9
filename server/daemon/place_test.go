// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// write writes small files, each holding the text.
func write(t *testing.T, dir, text string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func holds(t *testing.T, dir, name, want string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		b, err = nil, nil
	}
	if err != nil || string(b) != want {
		t.Errorf("%s holds %q, want %q; %v", name, b, want, err)
	}
}

// A restore that is cut between any two of its moves is finished by the next
// command, and what was there lies beside it.
func TestInterruptedPlacingIsFinished(t *testing.T) {
	pieces := []string{markerName, "store", "blobs", "host"} // the backup has no certificates and no key for pushes
	inside := map[string]string{markerName: markerName, "store": "store/1", "blobs": "blobs/aa/2", "host": "host", "push.pem": "push.pem", "certs": "certs/3"}
	all := append([]string{markerName}, backupPieces...)
	for cut := range 2 * len(all) {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			dir := t.TempDir()
			staging := filepath.Join(dir, stagingName)
			for _, name := range all {
				write(t, dir, "old", inside[name])
			}
			for _, name := range pieces {
				write(t, staging, "new", inside[name])
			}
			replaced, err := markReady(dir, staging)
			if err != nil {
				t.Fatal(err)
			}
			p := placing{Pieces: pieces, Replaced: replaced}
			for n, name := range all { // the first moves, as place makes them
				if 2*n < cut {
					if err := os.MkdirAll(filepath.Join(dir, replaced), 0o700); err != nil {
						t.Fatal(err)
					}
					if err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, replaced, name)); err != nil {
						t.Fatal(err)
					}
				}
				if 2*n+1 < cut && slices.Contains(p.Pieces, name) {
					if err := os.Rename(filepath.Join(staging, name), filepath.Join(dir, name)); err != nil {
						t.Fatal(err)
					}
				}
			}
			if done, err := finishRestore(dir); !done || err != nil {
				t.Fatalf("%v, %v", done, err)
			}
			for _, name := range all {
				want := ""
				if slices.Contains(pieces, name) {
					want = "new"
				}
				holds(t, dir, inside[name], want)
				holds(t, dir, filepath.Join(replaced, inside[name]), "old")
			}
			if done, err := finishRestore(dir); done || err != nil {
				t.Errorf("again: %v, %v", done, err)
			}
		})
	}
}

// Staged files that were not verified are never put in place.
func TestUnverifiedRestoreIsRefused(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "old", "store/1")
	write(t, dir, "new", stagingName+"/store/1")
	for range 2 {
		if done, err := finishRestore(dir); done || !errors.Is(err, errRestoring) {
			t.Fatalf("%v, %v", done, err)
		}
	}
	if _, err := openData(dir, nil, 0); !errors.Is(err, errRestoring) {
		t.Errorf("opened: %v", err)
	}
	holds(t, dir, "store/1", "old")
	if err := os.RemoveAll(filepath.Join(dir, stagingName)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, stagingName), 0o700); err != nil { // as a finished restore leaves it
		t.Fatal(err)
	}
	if done, err := finishRestore(dir); done || err != nil {
		t.Errorf("%v, %v", done, err)
	}
}
