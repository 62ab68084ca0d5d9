// SPDX-License-Identifier: AGPL-3.0-or-later

// Package vaulttest has what tests of vaults share: vaults in memory, trees of
// files with everything that a file system has, and a comparison of trees with all
// their metadata.
package vaulttest

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/backup"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/localfs"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/restore"
	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// Time is what the clocks of tests begin with.
var Time = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// Now is the clock of tests: it stands still.
func Now() time.Time { return Time }

// Must fails the test if err is not nil.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Person holds the keys of a vault's owner.
type Person struct {
	Secret account.RecoverySecret
	Device *keys.Device
}

// NewPerson draws keys.
func NewPerson(t testing.TB) *Person {
	t.Helper()
	secret, err := account.NewRecoverySecret(rand.Reader)
	Must(t, err)
	device, err := keys.NewDevice()
	Must(t, err)
	return &Person{secret, device}
}

// Params returns how the person opens the vault in a storage.
func (p *Person) Params(s storage.Storage) vault.Params {
	return vault.Params{Storage: s, Device: p.Device, Now: Now}
}

// Create makes a vault.
func (p *Person) Create(t testing.TB, s storage.Storage) *vault.Vault {
	t.Helper()
	v, err := vault.Create(t.Context(), vault.CreateParams{Params: p.Params(s), Recovery: p.Secret, Name: "first"})
	Must(t, err)
	return v
}

// Open opens the vault.
func (p *Person) Open(t testing.TB, s storage.Storage) *vault.Vault {
	t.Helper()
	v, err := vault.Open(context.Background(), p.Params(s))
	Must(t, err)
	return v
}

// Join adds another device of the person.
func (p *Person) Join(t testing.TB, s storage.Storage) (*Person, *vault.Vault) {
	t.Helper()
	other := NewPerson(t)
	other.Secret = p.Secret
	v, err := vault.Join(t.Context(), other.Params(s), p.Secret, "second")
	Must(t, err)
	return other, v
}

// Options returns options for a backup of a directory.
func Options(dir string) backup.Options {
	return backup.Options{Paths: []string{dir}, Host: "test", Now: Now}
}

// Backup makes a snapshot of a directory.
func Backup(t testing.TB, v *vault.Vault, dir string) *backup.Result {
	t.Helper()
	o := Options(dir)
	o.Warn = func(path string, err error) { t.Logf("backup: %s: %v", path, err) }
	r, err := backup.Run(context.Background(), v, o, nil)
	Must(t, err)
	return r
}

// Restore restores a directory of a snapshot into a new one, and fails if anything
// is missing or incomplete.
func Restore(t testing.TB, v *vault.Vault, seq uint64, dir string) string {
	t.Helper()
	target := t.TempDir()
	p, err := RestoreTo(v, seq, dir, target, func(path string, err error) { t.Errorf("restore: %q: %v", path, err) })
	Must(t, err)
	if p.Failed.Load() > 0 || p.Incomplete.Load() > 0 {
		t.Errorf("restoring snapshot %d: %d files are missing, %d incomplete", seq, p.Failed.Load(), p.Incomplete.Load())
	}
	return target
}

// RestoreTo restores a directory of a snapshot into another one.
func RestoreTo(v *vault.Vault, seq uint64, dir, target string, warn func(string, error)) (*restore.Progress, error) {
	s, err := v.Snapshot(fmt.Sprint(seq))
	if err != nil {
		return nil, err
	}
	p := new(restore.Progress)
	err = restore.Run(context.Background(), v, s, restore.Options{Target: target, Path: dir, Warn: warn}, p)
	return p, err
}

// Live returns the numbers of the live snapshots.
func Live(v *vault.Vault) (out []uint64) {
	for _, s := range v.State().Live() {
		out = append(out, s.Seq)
	}
	return out
}

// Forgotten returns the numbers of the forgotten snapshots.
func Forgotten(s *oplog.State) (out []uint64) {
	for _, x := range s.Forgotten() {
		out = append(out, x.Seq)
	}
	return out
}

// Listing describes everything below a directory with all its metadata, one line
// for each name, sorted. Two trees with the same listing are the same.
func Listing(t testing.TB, dir string) []string {
	t.Helper()
	d, err := localfs.OpenDir(dir)
	Must(t, err)
	l := lister{t: t, inodes: map[uint64]string{}}
	l.dir(d, "")
	return l.lines
}

type lister struct {
	t      testing.TB
	lines  []string
	inodes map[uint64]string
}

func (l *lister) dir(d *localfs.Dir, path string) {
	defer func() { _ = d.Close() }()
	names, err := d.Names()
	Must(l.t, err)
	sort.Strings(names)
	for _, name := range names {
		i, err := d.Stat(name)
		Must(l.t, err)
		line := fmt.Sprintf("%q %v %o %d:%d %d.%09d", path+name, i.Type, i.Mode, i.UID, i.GID, i.Seconds, i.Nanos)
		if i.Type == tree.TypeFile {
			line += fmt.Sprintf(" %d bytes %s", i.Size, l.content(d, name, &i))
		}
		if i.Type == tree.TypeSymlink {
			target, err := d.Readlink(name)
			Must(l.t, err)
			line += fmt.Sprintf(" -> %q", target)
		}
		if i.Type == tree.TypeCharDevice || i.Type == tree.TypeBlockDevice {
			line += fmt.Sprintf(" %d,%d", i.Major, i.Minor)
		}
		if i.Links > 1 && i.Type != tree.TypeDir {
			if l.inodes[i.Inode] == "" {
				l.inodes[i.Inode] = path + name
			}
			line += fmt.Sprintf(" same as %q", l.inodes[i.Inode])
		}
		attrs, err := d.Xattrs(name)
		Must(l.t, err)
		slices.SortFunc(attrs, func(a, b localfs.Xattr) int { return strings.Compare(string(a.Name), string(b.Name)) })
		for _, x := range attrs {
			line += fmt.Sprintf(" %s=%x", x.Name, x.Value)
		}
		l.lines = append(l.lines, line)
		if i.Type == tree.TypeDir {
			sub, err := d.Sub(name)
			Must(l.t, err)
			l.dir(sub, path+name+"/")
		}
	}
}

func (l *lister) content(d *localfs.Dir, name string, i *localfs.Info) string {
	f, err := d.Open(name)
	Must(l.t, err)
	defer func() { _ = f.Close() }()
	extents, sum := "", newSum()
	Must(l.t, localfs.Extents(f, int64(i.Size), func(offset, length int64) error {
		extents += fmt.Sprintf(" %d+%d", offset, length)
		return sum.add(f, offset, length)
	}))
	return sum.String() + extents
}

// SameTrees fails the test if two directories differ in anything.
func SameTrees(t testing.TB, want, got []string) {
	t.Helper()
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || want[i] != got[i] {
			a, b := "nothing", "nothing"
			if i < len(want) {
				a = want[i]
			}
			if i < len(got) {
				b = got[i]
			}
			t.Fatalf("the trees differ:\n want %s\n got  %s", a, b)
		}
	}
}

// Write writes a file, with its directories.
func Write(t testing.TB, path string, content []byte) {
	t.Helper()
	Must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	Must(t, os.WriteFile(path, content, 0o644))
}
