// SPDX-License-Identifier: AGPL-3.0-or-later

package vaulttest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/backup"
	"github.com/securecrypt/securecrypt/vault/browse"
	"github.com/securecrypt/securecrypt/vault/internal/vaulttest"
	"github.com/securecrypt/securecrypt/vault/localfs"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// manual is a clock that is put forward by hand.
type manual struct{ passed atomic.Int64 }

func (m *manual) Now() time.Time          { return vaulttest.Time.Add(time.Duration(m.passed.Load())) }
func (m *manual) forward(d time.Duration) { m.passed.Add(int64(d)) }

// partialAt returns options of a backup for which a partial snapshot is always due,
// and which waits at a name until one with so many files was made.
func (w *world) partialAt(wait string, count int) (o backup.Options, made *atomic.Uint64) {
	clock, published := new(manual), make(chan struct{}, 1)
	made = new(atomic.Uint64)
	o = vaulttest.Options(w.dir)
	o.Interval = backup.DefaultInterval
	o.Now = func() time.Time {
		clock.forward(backup.DefaultInterval)
		return clock.Now()
	}
	o.Partial = func(seq uint64) {
		made.Store(seq)
		select {
		case published <- struct{}{}:
		default:
		}
	}
	o.Skip = func(path string, _ *localfs.Info) bool {
		for ; filepath.Base(path) == wait; <-published {
			v := w.person.Open(w.t, w.store)
			if s, err := v.Snapshot(fmt.Sprint(made.Load())); err == nil && len(files(w.t, v, s, w.dir)) >= count {
				break
			}
		}
		return false
	}
	return o, made
}

// files returns the paths of the files of a snapshot, below dir.
func files(t *testing.T, v *vault.Vault, s *oplog.Snapshot, dir string) map[string]bool {
	t.Helper()
	r, err := v.Reader(t.Context())
	vaulttest.Must(t, err)
	out := map[string]bool{}
	vaulttest.Must(t, browse.List(t.Context(), r, "/", &tree.Entry{Type: tree.TypeDir, Subtree: s.Body.Root}, true, func(i browse.Item) error {
		if i.Entry.Type == tree.TypeFile {
			out[strings.TrimPrefix(i.Path, dir+"/")] = true
		}
		return nil
	}))
	return out
}

// TestPartialSnapshotIsWhole covers line 18: while a backup goes on, what it has
// finished can be restored, and is marked as partial.
func TestPartialSnapshotIsWhole(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a/1", "a/2", "b/deep/3", "c", "d/4", "d/5"} {
		w.write(name, vaulttest.Random(uint64(len(name)), 150<<10))
	}
	o, made := w.partialAt("5", 5)
	skip := o.Skip
	o.Skip = func(path string, i *localfs.Info) bool {
		out := skip(path, i)
		if filepath.Base(path) == "5" { // the backup stands still here
			v := w.person.Open(t, w.store)
			s, err := v.Snapshot("latest")
			vaulttest.Must(t, err)
			if !s.Body.Partial || s.Seq != made.Load() {
				t.Errorf("snapshot %d: %+v", s.Seq, s.Body)
			}
			got := files(t, v, s, w.dir)
			if !got["a/1"] || !got["a/2"] || !got["b/deep/3"] || got["d/5"] {
				t.Errorf("the partial snapshot has %v", got)
			}
			target := vaulttest.Restore(t, v, s.Seq, w.dir)
			vaulttest.SameTrees(t, vaulttest.Listing(t, filepath.Join(w.dir, "a")), vaulttest.Listing(t, filepath.Join(target, "a")))
			w.intact(w.store, "while the backup goes on")
			r, err := v.Reader(t.Context())
			vaulttest.Must(t, err)
			vaulttest.Must(t, browse.List(t.Context(), r, "/", &tree.Entry{Type: tree.TypeDir, Subtree: s.Body.Root}, true, func(i browse.Item) error {
				if partial := i.Entry.Flags&tree.FlagPartial != 0; partial != (i.Path == "d" || strings.HasPrefix(w.dir+"/d", i.Path)) {
					t.Errorf("%s is marked as incomplete: %v", i.Path, partial)
				}
				return nil
			}))
		}
		return out
	}
	r, err := backup.Run(t.Context(), w.person.Open(t, w.store), o, nil)
	vaulttest.Must(t, err)
	v := w.intact(w.store, "after the backup")
	s, err := v.Snapshot(fmt.Sprint(r.Seq))
	vaulttest.Must(t, err)
	if s.Body.Partial || len(vaulttest.Live(v)) < 2 {
		t.Errorf("snapshots %v; the last: %+v", vaulttest.Live(v), s.Body)
	}
	vaulttest.SameTrees(t, vaulttest.Listing(t, w.dir), vaulttest.Listing(t, vaulttest.Restore(t, v, r.Seq, w.dir)))
}

// TestLongFileDelaysNoPartialSnapshot covers line 18: what is finished is published
// while one long file is being read.
func TestLongFileDelaysNoPartialSnapshot(t *testing.T) {
	w := newWorld(t)
	w.write("a", []byte("short"))
	w.write("b", vaulttest.Random(1, 8<<20))
	clock, published, calls := new(manual), make(chan struct{}), new(atomic.Int64)
	var made atomic.Uint64
	o := vaulttest.Options(w.dir)
	o.Interval = backup.DefaultInterval
	o.Now = func() time.Time {
		switch calls.Add(1) { // of about 30 pieces
		case 10:
			clock.forward(backup.DefaultInterval)
		case 12:
			<-published
		}
		return clock.Now()
	}
	o.Partial = func(seq uint64) {
		made.Store(seq)
		close(published)
	}
	r, err := backup.Run(t.Context(), w.person.Open(t, w.store), o, nil)
	vaulttest.Must(t, err)
	v := w.intact(w.store, "after the backup")
	s, err := v.Snapshot(fmt.Sprint(made.Load()))
	vaulttest.Must(t, err)
	if got := files(t, v, s, w.dir); !got["a"] || got["b"] {
		t.Errorf("the partial snapshot has %v", got)
	}
	vaulttest.SameTrees(t, vaulttest.Listing(t, w.dir), vaulttest.Listing(t, vaulttest.Restore(t, v, r.Seq, w.dir)))
}

// TestNextRunGoesOnFromPartialSnapshot covers line 18: a run that follows an
// interrupted one reads neither what that had finished nor what the last whole
// snapshot has, and sends none of it.
func TestNextRunGoesOnFromPartialSnapshot(t *testing.T) {
	w := newWorld(t)
	for i := range 10 {
		w.write(fmt.Sprintf("old/%d", i), vaulttest.Random(uint64(i), 100<<10))
	}
	w.backup()
	for i := range 6 {
		w.write(fmt.Sprintf("new/%d", i), vaulttest.Random(uint64(20+i), 100<<10))
	}
	killed := errors.New("killed")
	var readMeanwhile map[string]bool
	for range 2 { // the second interrupted run makes its own, smaller partial snapshot
		ctx, cancel := context.WithCancelCause(t.Context())
		o, made := w.partialAt("3", 3)
		skip := o.Skip
		o.Skip = func(path string, i *localfs.Info) bool {
			out := skip(path, i)
			if filepath.Base(path) == "3" {
				cancel(killed)
			}
			return out
		}
		if _, err := backup.Run(ctx, w.person.Open(t, w.store), o, nil); !errors.Is(err, context.Canceled) {
			t.Fatalf("the backup was not interrupted: %v", err)
		}
		v := w.intact(w.store, "interrupted")
		s, err := v.Snapshot(fmt.Sprint(made.Load()))
		vaulttest.Must(t, err)
		readMeanwhile = files(t, v, s, w.dir)
		cancel(nil)
		if !readMeanwhile["new/0"] || !readMeanwhile["new/1"] || len(readMeanwhile) != 3 || readMeanwhile["old/0"] {
			t.Fatalf("the partial snapshot has %v", readMeanwhile)
		}
		w.write("new/0", vaulttest.Random(20, 100<<10)) // it is new for the second one
	}
	r := vaulttest.Backup(t, w.person.Open(t, w.store), w.dir)
	if want := uint64(6 - len(readMeanwhile) + 1); r.Counts.Read != want {
		t.Errorf("%d files were read, want %d: the partial snapshot has %v", r.Counts.Read, want, readMeanwhile)
	}
	if r.Counts.NewBytes > 4*100<<10+32<<10 {
		t.Errorf("%d bytes were sent", r.Counts.NewBytes)
	}
	v := w.intact(w.store, "the next run")
	vaulttest.SameTrees(t, vaulttest.Listing(t, w.dir), vaulttest.Listing(t, vaulttest.Restore(t, v, r.Seq, w.dir)))
}

// TestPartialSnapshotsKilledAtEveryWrite covers line 18: a backup that publishes as
// often as it can is killed at each call that changes something.
func TestPartialSnapshotsKilledAtEveryWrite(t *testing.T) {
	w := newWorld(t)
	total := 0
	for i := range 5 {
		w.write(fmt.Sprintf("d%d/file", i), vaulttest.Random(uint64(i), 120<<10))
		total += 120 << 10
	}
	step := 1
	if testing.Short() {
		step = 3
	}
	partials := 0
	for n := 1; ; n += step {
		left := w.store.Clone()
		f := &storagetest.Faulty{Storage: left, FailAt: n, After: n%2 == 0}
		_, err := backup.Run(context.Background(), w.person.Open(t, f), w.partialAfterEach(f), nil)
		if f.Calls() < n {
			vaulttest.Must(t, err)
			break
		}
		what := fmt.Sprintf("killed at call %d", n)
		if n%4 >= 2 {
			left.Crash(rand.New(rand.NewPCG(uint64(n), 9)))
			what += ", and the machine crashed"
		}
		v := w.intact(left, what)
		var finished map[string]bool
		if live := vaulttest.Live(v); len(live) > 0 {
			s, err := v.Snapshot("latest") // there is no whole one
			vaulttest.Must(t, err)
			finished = files(t, v, s, w.dir)
			partials++
		}
		w.goOn(left, what, total, finished)
	}
	if partials < 3 {
		t.Errorf("%d partial snapshots were left: the test is too small", partials)
	}
}

// partialAfterEach returns options of a backup that waits before each file until
// there was a partial snapshot for each one before it, or the storage has failed.
func (w *world) partialAfterEach(f *storagetest.Faulty) backup.Options {
	var mu sync.Mutex
	changed := sync.NewCond(&mu)
	met, made, dead := 0, 0, false
	set := func(change func()) {
		mu.Lock()
		defer mu.Unlock()
		change()
		changed.Broadcast()
	}
	f.Before = func(n int, _ string) { set(func() { dead = dead || n == f.FailAt }) }
	clock, o := new(manual), vaulttest.Options(w.dir)
	o.Interval = backup.DefaultInterval
	o.Now = func() time.Time {
		clock.forward(backup.DefaultInterval)
		return clock.Now()
	}
	o.Partial = func(uint64) { set(func() { made++ }) }
	o.Skip = func(path string, i *localfs.Info) bool {
		if i.Type == tree.TypeFile {
			mu.Lock()
			defer mu.Unlock()
			for made < met && !dead {
				changed.Wait()
			}
			met++
		}
		return false
	}
	return o
}

// goOn runs a backup on what an interrupted one left, and checks that it does not
// repeat what was finished.
func (w *world) goOn(left storage.Storage, what string, total int, finished map[string]bool) {
	w.t.Helper()
	entries, err := os.ReadDir(w.dir)
	vaulttest.Must(w.t, err)
	r := vaulttest.Backup(w.t, w.person.Open(w.t, left), w.dir)
	if int(r.Counts.Read) != len(entries)-len(finished) {
		w.t.Errorf("%s: %d of %d files are read, and %d were finished", what, r.Counts.Read, len(entries), len(finished))
	}
	if missing := total - len(finished)*total/len(entries); int(r.Counts.NewBytes) > missing+32<<10 {
		w.t.Errorf("%s: %d bytes are sent, and %d were missing", what, r.Counts.NewBytes, missing)
	}
	v := w.intact(left, what+", and then once more")
	vaulttest.SameTrees(w.t, vaulttest.Listing(w.t, w.dir), vaulttest.Listing(w.t, vaulttest.Restore(w.t, v, r.Seq, w.dir)))
}

// TestPolicyDropsFollowedPartialSnapshots has a policy that keeps the last whole
// snapshot, and partial ones as long as the next backup goes on from them.
func TestPolicyDropsFollowedPartialSnapshots(t *testing.T) {
	w := newWorld(t)
	for i := range 6 {
		w.write(fmt.Sprint(i), vaulttest.Random(uint64(i), 1000))
	}
	keep := func() (out []uint64) { return kept(t, w.person.Open(t, w.store), vault.Policy{Last: 1}) }
	whole := w.backup()
	w.write("2", []byte("changed"))
	o, made := w.partialAt("4", 3)
	second, err := backup.Run(t.Context(), w.person.Open(t, w.store), o, nil)
	vaulttest.Must(t, err)
	if got := keep(); made.Load() == 0 || len(got) != 1 || got[0] != second.Seq {
		t.Errorf("a policy keeps %v of %d, a partial one and %d", got, whole, second.Seq)
	}
	w.write("3", []byte("changed"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o, made = w.partialAt("5", 1)
	published := o.Partial
	o.Partial = func(seq uint64) {
		cancel()
		published(seq)
	}
	if _, err := backup.Run(ctx, w.person.Open(t, w.store), o, nil); err == nil {
		t.Fatal("the backup was not interrupted")
	}
	if s, err := w.person.Open(t, w.store).Snapshot("latest"); err != nil || s.Seq != second.Seq {
		t.Errorf("the latest snapshot is %+v, %v; want the last whole one, %d", s, err, second.Seq)
	}
	if got := keep(); len(got) != 2 || got[0] != second.Seq || got[1] != made.Load() {
		t.Errorf("a policy keeps %v of %d and the partial %d, from which the next backup goes on", got, second.Seq, made.Load())
	}
}
