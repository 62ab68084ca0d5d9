// SPDX-License-Identifier: AGPL-3.0-or-later

package vaulttest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/backup"
	"github.com/securecrypt/securecrypt/vault/internal/vaulttest"
	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

// world is a vault with snapshots whose content is known.
type world struct {
	t       *testing.T
	dir     string
	person  *vaulttest.Person
	store   *storagetest.Memory
	digests map[uint64][]string // of acknowledged snapshots
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, dir: t.TempDir(), person: vaulttest.NewPerson(t), store: storagetest.NewMemory(), digests: map[uint64][]string{}}
	w.person.Create(t, w.store)
	return w
}

func (w *world) write(name string, content []byte) {
	vaulttest.Write(w.t, filepath.Join(w.dir, name), content)
}

// backup makes a snapshot and notes what it has to hold.
func (w *world) backup() uint64 {
	w.t.Helper()
	v := w.person.Open(w.t, w.store)
	r := vaulttest.Backup(w.t, v, w.dir)
	w.digests[r.Seq] = vaulttest.MustDigest(w.t, v, r.Seq)
	return r.Seq
}

// history makes a vault with something to repack and to delete: data that several
// snapshots share in part.
func (w *world) history() {
	w.write("stays", vaulttest.Random(1, 400<<10))
	w.write("goes", vaulttest.Random(2, 900<<10))
	w.write("dir/small", []byte("small"))
	first := w.backup()
	vaulttest.Must(w.t, os.Remove(filepath.Join(w.dir, "goes")))
	w.write("dir/new", vaulttest.Text(3, 100<<10))
	w.backup()
	w.write("dir/new", vaulttest.Random(4, 300<<10))
	w.backup()
	v := w.person.Open(w.t, w.store)
	_, err := v.Forget(w.t.Context(), []uint64{first}, "test")
	vaulttest.Must(w.t, err)
	delete(w.digests, first)
}

// intact checks that every acknowledged snapshot is whole, that there is no other
// one with holes, and that check finds nothing lost.
func (w *world) intact(s storage.Storage, what string) *vault.Vault {
	w.t.Helper()
	v := w.person.Open(w.t, s)
	w.intactIn(v, what)
	return v
}

// intactIn is intact for a vault that is open.
func (w *world) intactIn(v *vault.Vault, what string) {
	w.t.Helper()
	for _, seq := range slices.Sorted(maps.Keys(w.digests)) {
		if v.State().Snapshots[seq] == nil {
			w.t.Fatalf("%s: snapshot %d is gone", what, seq)
		}
		got, err := vaulttest.Digest(v, seq)
		if err != nil {
			w.t.Fatalf("%s: snapshot %d: %v", what, seq, err)
		}
		vaulttest.SameTrees(w.t, w.digests[seq], got)
	}
	for _, seq := range vaulttest.Live(v) {
		if _, err := vaulttest.Digest(v, seq); err != nil {
			w.t.Fatalf("%s: snapshot %d, whose writer had no answer, has a hole: %v", what, seq, err)
		}
	}
	r, err := v.Check(w.t.Context(), vault.CheckOptions{})
	if err != nil || r.Lost() {
		w.t.Fatalf("%s: check: %v, %+v", what, err, r.Problems)
	}
}

// killEverywhere runs an operation on copies of the world's storage and kills it
// at each of its calls that change something: before and after the call, with and
// without a crash of the machine. then runs on what is left.
func (w *world) killEverywhere(name string, operation func(*vault.Vault) error, then func(storage.Storage)) {
	w.t.Helper()
	counting := &storagetest.Faulty{Storage: w.store.Clone()}
	vaulttest.Must(w.t, operation(w.person.Open(w.t, counting)))
	calls := counting.Calls()
	if calls < 3 {
		w.t.Fatalf("%s makes %d changes: the test is too small", name, calls)
	}
	for n := 1; n <= calls; n++ {
		modes := []struct{ after, crash bool }{{false, false}, {true, true}, {true, false}, {false, true}}
		if testing.Short() {
			modes = modes[n%2*2 : n%2*2+1] // each call in one way; all ways in long mode
		}
		for _, mode := range modes {
			left := w.store.Clone()
			err := operation(w.person.Open(w.t, &storagetest.Faulty{Storage: left, FailAt: n, After: mode.after}))
			if err == nil && !mode.after {
				w.t.Fatalf("%s killed at call %d of %d: no error", name, n, calls)
			}
			what := fmt.Sprintf("%s killed at call %d of %d, after it: %v, crash: %v", name, n, calls, mode.after, mode.crash)
			if mode.crash {
				left.Crash(rand.New(rand.NewPCG(uint64(n), 7)))
			}
			w.intact(left, what)
			then(left)
			w.intact(left, what+", and then once more")
		}
	}
}

// TestBackupKilledAtEveryWrite covers line 18 of the failures that vaults are
// built against: what was sent is not sent again.
func TestBackupKilledAtEveryWrite(t *testing.T) {
	w := newWorld(t)
	w.history()
	for i := range 5 {
		w.write(fmt.Sprintf("more/%d", i), vaulttest.Random(uint64(10+i), 200<<10))
	}
	again := func(v *vault.Vault) error {
		_, err := backup.Run(context.Background(), v, vaulttest.Options(w.dir), nil)
		return err
	}
	w.killEverywhere("backup", again, func(s storage.Storage) { vaulttest.Must(t, again(w.person.Open(t, s))) })
}

// TestPruneKilledAtEveryWrite covers line 4: prune and repack, interrupted and run
// again.
func TestPruneKilledAtEveryWrite(t *testing.T) {
	w := newWorld(t)
	w.history()
	prune := func(v *vault.Vault) error {
		r, err := v.Prune(context.Background(), vault.PruneOptions{})
		if err == nil && r.Deleted+r.Repacked == 0 {
			return errors.New("there was nothing to prune")
		}
		return err
	}
	again := func(s storage.Storage) {
		v := w.person.Open(t, s)
		_, err := v.Prune(t.Context(), vault.PruneOptions{})
		vaulttest.Must(t, err)
	}
	w.killEverywhere("prune", prune, again)
	before := len(w.store.Names("packs/"))
	again(w.store)
	if after := len(w.store.Names("packs/")); after >= before {
		t.Errorf("prune left %d of %d packs", after, before)
	}
	w.intact(w.store, "prune")
}

// TestInterruptedBackupIsNotSentAgain covers line 18: after an interruption
// nothing is sent again but what was not in a finished pack.
func TestInterruptedBackupIsNotSentAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("it fills several packs of the largest class")
	}
	w := newWorld(t)
	for i := range 6 {
		w.write(fmt.Sprint(i), vaulttest.Random(uint64(i), 9<<20))
	}
	v := w.person.Open(t, &storagetest.Faulty{Storage: w.store, FailAt: 3})
	if _, err := backup.Run(context.Background(), v, vaulttest.Options(w.dir), nil); !errors.Is(err, storagetest.ErrKilled) {
		t.Fatalf("the backup was not killed: %v", err)
	}
	if n := len(w.store.Names("packs/")); n != 2 {
		t.Fatalf("%d packs are there", n)
	}
	r := vaulttest.Backup(t, w.person.Open(t, w.store), w.dir)
	if sent := r.Counts.NewBytes; sent > 54<<20-28<<20 {
		t.Errorf("%d bytes were sent again or for the first time, of 54 MiB of which two packs were there", sent)
	}
	vaulttest.MustDigest(t, w.person.Open(t, w.store), r.Seq)
}

// TestSuspendedBackupMeetsPrune covers lines 2 and 3: a backup is stopped before
// each of its writes while another device deletes everything that nothing needs,
// with no waiting time. When it goes on, it either finds what it needs or sends it
// again.
func TestSuspendedBackupMeetsPrune(t *testing.T) {
	base := newWorld(t)
	base.history()
	other, _ := base.person.Join(t, base.store)
	base.write("new", vaulttest.Random(20, 300<<10))
	base.write("goes", vaulttest.Random(2, 900<<10)) // is in a forgotten snapshot, and in packs that prune takes
	counting := &storagetest.Faulty{Storage: base.store.Clone()}
	vaulttest.Backup(t, base.person.Open(t, counting), base.dir)
	useful := 0 // prunes that took something from the backup
	for at := 1; at <= counting.Calls(); at++ {
		w := &world{t: t, dir: base.dir, person: base.person, store: base.store.Clone(), digests: maps.Clone(base.digests)}
		swept := uint64(0)
		f := &storagetest.Faulty{Storage: w.store, Before: func(n int, _ string) {
			if n != at {
				return
			}
			v := other.Open(t, w.store)
			r, err := v.Prune(context.Background(), vault.PruneOptions{})
			if err != nil {
				t.Error(err)
				return
			}
			swept = r.Deleted
		}}
		v := w.person.Open(t, f)
		r := vaulttest.Backup(t, v, w.dir)
		if swept > 0 {
			useful++
		}
		fresh := w.person.Open(t, w.store)
		got := vaulttest.MustDigest(t, fresh, r.Seq)
		if len(got) < 5 {
			t.Fatalf("the snapshot has %d entries", len(got))
		}
		w.intact(w.store, fmt.Sprintf("prune before write %d", at))
		target := vaulttest.Restore(t, fresh, r.Seq, w.dir)
		vaulttest.SameTrees(t, vaulttest.Listing(t, w.dir), vaulttest.Listing(t, target))
	}
	if useful < 3 { // behind its publication nothing can be taken from it
		t.Errorf("%d of %d prunes deleted something: the test is no test", useful, counting.Calls())
	}
}

// healed checks that what the source still has can be restored from every
// snapshot: all files and pages but directories of the way to them, which have
// changed since.
func (w *world) healed(what string) {
	w.t.Helper()
	v := w.person.Open(w.t, w.store)
	last := vaulttest.Live(v)
	got := vaulttest.MustDigest(w.t, v, last[len(last)-1])
	want := w.digests[last[len(last)-2]]
	if len(got) != len(want) {
		w.t.Fatalf("%s: %d entries, want %d", what, len(got), len(want))
	}
	r, err := v.Check(w.t.Context(), vault.CheckOptions{Read: true})
	vaulttest.Must(w.t, err)
	for _, p := range r.Problems {
		if p.Lost && p.Snapshot == last[len(last)-1] {
			w.t.Errorf("%s: %s is lost in the new snapshot: %v", what, p.Path, p.Err)
		}
	}
}
