// SPDX-License-Identifier: AGPL-3.0-or-later

package vaulttest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/internal/vaulttest"
	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
	"github.com/securecrypt/securecrypt/vault/vaultcopy"
)

// copyTo copies snapshots of w into another person's vault in a storage, and returns
// their numbers there by those here.
func (w *world) copyTo(other *vaulttest.Person, s storage.Storage, o vaultcopy.Options) (map[uint64]uint64, *vaultcopy.Result, error) {
	w.t.Helper()
	pairs := map[uint64]uint64{}
	o.Copied = func(from, to uint64) { pairs[from] = to }
	r, err := vaultcopy.Run(context.Background(), w.person.Open(w.t, w.store), other.Open(w.t, s), o, nil)
	return pairs, r, err
}

// sameSnapshots checks that copies restore as the originals do.
func (w *world) sameSnapshots(v *vault.Vault, pairs map[uint64]uint64) {
	w.t.Helper()
	here := w.person.Open(w.t, w.store)
	for _, from := range slices.Sorted(maps.Keys(pairs)) {
		want := vaulttest.Listing(w.t, vaulttest.Restore(w.t, here, from, w.dir))
		vaulttest.SameTrees(w.t, want, vaulttest.Listing(w.t, vaulttest.Restore(w.t, v, pairs[from], w.dir)))
		a, b := here.State().Snapshots[from], v.State().Snapshots[pairs[from]]
		if a.Time != b.Time || a.Body.Host != b.Body.Host || a.Body.Counts != b.Body.Counts || len(b.Body.Tags) != len(a.Body.Tags)+1 {
			w.t.Errorf("snapshot %d is %+v, and its copy %d %+v", from, a, pairs[from], b)
		}
	}
}

// otherVault makes a vault of another person.
func otherVault(t *testing.T) (*vaulttest.Person, *storagetest.Memory) {
	p, s := vaulttest.NewPerson(t), storagetest.NewMemory()
	p.Create(t, s)
	return p, s
}

// manyDays makes snapshots on three days, with files of all sizes.
func (w *world) manyDays() {
	for i, size := range []int{0, 10, 70_000, 3 << 20} {
		w.write(fmt.Sprintf("dir/%d", i), vaulttest.Random(uint64(i), size))
		w.write(fmt.Sprintf("text %d/%d", i%2, i), vaulttest.Text(uint64(i), size))
	}
	for day := range 3 {
		backupAt(w.t, w.person, w.store, w.dir, vaulttest.Time.AddDate(0, 0, day-10))
		w.write("dir/changes", vaulttest.Random(uint64(100+day), 200_000))
	}
}

// TestCopy copies snapshots into a vault with other keys, and what is backed up
// there later shares their data.
func TestCopy(t *testing.T) {
	w := newWorld(t)
	w.manyDays()
	other, store := otherVault(t)
	if _, r, err := w.copyTo(other, store, vaultcopy.Options{DryRun: true}); err != nil || r.Copied != 3 || r.NewBytes < 6<<20 || len(store.Names("packs/")) > 0 {
		t.Fatalf("a dry run: %+v, %v", r, err)
	}
	pairs, r, err := w.copyTo(other, store, vaultcopy.Options{})
	vaulttest.Must(t, err)
	if len(pairs) != 3 || r.NewBytes > 7<<20+400_000 {
		t.Errorf("%d snapshots are copied: %+v", len(pairs), r)
	}
	v := other.Open(t, store)
	w.sameSnapshots(v, pairs)
	if got := kept(t, v, vault.Policy{Daily: 2}); !slices.Equal(got, vaulttest.Live(v)[1:]) {
		t.Errorf("a policy for days keeps %v of the copies %v", got, vaulttest.Live(v))
	}
	if _, r, err := w.copyTo(other, store, vaultcopy.Options{}); err != nil || r.Copied != 0 || r.Present != 3 {
		t.Errorf("copying once more: %+v, %v", r, err)
	}
	b := vaulttest.Backup(t, v, w.dir)
	if b.Counts.NewBytes > 200_000+64<<10 { // the last change is not in a copy
		t.Errorf("a backup of the same files adds %d bytes to the copies", b.Counts.NewBytes)
	}
	w.write("dir/new", vaulttest.Random(50, 10_000))
	next := backupAt(t, w.person, w.store, w.dir, vaulttest.Time)
	pairs, r, err = w.copyTo(other, store, vaultcopy.Options{Snapshots: []uint64{next}})
	vaulttest.Must(t, err)
	if r.NewBytes > 64<<10 {
		t.Errorf("a copy of a small change adds %d bytes", r.NewBytes)
	}
	w.sameSnapshots(other.Open(t, store), pairs)
	if _, err := vaultcopy.Run(t.Context(), v, other.Open(t, store), vaultcopy.Options{}, nil); !errors.Is(err, vaultcopy.ErrSameVault) {
		t.Errorf("copying a vault into itself: %v", err)
	}
}

// TestCopyReadsOnlyWhatChanged has a second copy that begins from the first.
func TestCopyReadsOnlyWhatChanged(t *testing.T) {
	w := newWorld(t)
	w.manyDays()
	other, store := otherVault(t)
	_, _, err := w.copyTo(other, store, vaultcopy.Options{})
	vaulttest.Must(t, err)
	w.write("dir/new", vaulttest.Random(60, 20_000))
	backupAt(t, w.person, w.store, w.dir, vaulttest.Time)
	p := new(vaultcopy.Progress)
	_, err = vaultcopy.Run(t.Context(), w.person.Open(t, w.store), other.Open(t, store), vaultcopy.Options{}, p)
	vaulttest.Must(t, err)
	if n := p.Bytes.Load(); n != 220_000 { // with the last change of manyDays
		t.Errorf("%d bytes of files were read again", n)
	}
}

// TestCopyKilledAtEveryWrite kills a copy at each call that changes something, and
// runs it again: no snapshot is there twice, none has a hole, and nothing is sent
// again that arrived.
func TestCopyKilledAtEveryWrite(t *testing.T) {
	w := newWorld(t)
	for day := range 3 {
		w.write(fmt.Sprint(day), vaulttest.Random(uint64(day), 300_000))
		w.backup() // all at the same time
	}
	other, empty := otherVault(t)
	step := 1
	if testing.Short() {
		step = 2
	}
	for n := 1; ; n += step {
		left := empty.Clone()
		f := &storagetest.Faulty{Storage: left, FailAt: n, After: n%3 == 0}
		_, _, err := w.copyTo(other, f, vaultcopy.Options{})
		if f.Calls() < n {
			vaulttest.Must(t, err)
			if n < 8 {
				t.Errorf("copying makes %d changes: the test is too small", f.Calls())
			}
			break
		}
		if err == nil {
			t.Fatalf("killed at call %d: no error", n)
		}
		if n%4 >= 2 {
			left.Crash(rand.New(rand.NewPCG(uint64(n), 10)))
		}
		v := other.Open(t, left)
		live := vaulttest.Live(v)
		for _, seq := range live {
			vaulttest.MustDigest(t, v, seq)
		}
		packs := len(left.Names("packs/"))
		pairs, r, err := w.copyTo(other, left, vaultcopy.Options{})
		vaulttest.Must(t, err)
		v = other.Open(t, left)
		if len(vaulttest.Live(v)) != 3 || len(pairs) != 3-len(live) || int(r.Present) != len(live) {
			t.Fatalf("killed at call %d, with %d copies, and run again: snapshots %v, %+v", n, len(live), vaulttest.Live(v), r)
		}
		w.sameSnapshots(v, pairs)
		if missing := 3 - packs; r.NewBytes > uint64(max(missing, 0))*(300_000+32<<10)+32<<10 {
			t.Errorf("killed at call %d, with %d packs: %d bytes are sent", n, packs, r.NewBytes)
		}
		c, err := v.Check(t.Context(), vault.CheckOptions{Deep: true})
		vaulttest.Must(t, err)
		if c.Lost() {
			t.Fatalf("killed at call %d: %+v", n, c.Problems)
		}
	}
}

// TestCopyOfDamagedVault names what is lost, and copies the rest.
func TestCopyOfDamagedVault(t *testing.T) {
	w := newWorld(t)
	w.write("lost", vaulttest.Random(1, 300_000))
	w.backup()
	first := w.store.Names("packs/")
	w.write("whole", vaulttest.Random(2, 300_000))
	seq := w.backup()
	w.store.Edit(first[0], func(b []byte) []byte { // data beyond what parity rebuilds
		for i := range 200_000 {
			b[i] ^= 1
		}
		return b
	})
	other, store := otherVault(t)
	var named []string
	p := new(vaultcopy.Progress)
	o := vaultcopy.Options{Snapshots: []uint64{seq}, Warn: func(path string, err error) {
		if !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("%s: %v", path, err)
		}
		named = append(named, filepath.Base(path))
	}}
	_, err := vaultcopy.Run(t.Context(), w.person.Open(t, w.store), other.Open(t, store), o, p)
	vaulttest.Must(t, err)
	if p.Lost.Load() != 1 || !slices.Equal(named, []string{"lost"}) {
		t.Errorf("%d files are lost: %q", p.Lost.Load(), named)
	}
	v := other.Open(t, store)
	s, err := v.Snapshot("latest")
	vaulttest.Must(t, err)
	if got := files(t, v, s, w.dir); s.Body.Counts.Unreadable != 1 || !got["whole"] || !got["lost"] {
		t.Errorf("the copy has %v: %+v", got, s.Body.Counts)
	}
	progress, err := vaulttest.RestoreTo(v, s.Seq, w.dir, t.TempDir(), func(string, error) {})
	vaulttest.Must(t, err)
	if progress.Failed.Load() != 1 || progress.Files.Load() != 1 {
		t.Errorf("restored %d files, and %d failed", progress.Files.Load(), progress.Failed.Load())
	}
}
