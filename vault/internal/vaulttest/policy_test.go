// SPDX-License-Identifier: AGPL-3.0-or-later

package vaulttest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/backup"
	"github.com/securecrypt/securecrypt/vault/internal/vaulttest"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

// at returns a vault whose clock stands at a time.
func at(t *testing.T, p *vaulttest.Person, s storage.Storage, now time.Time) *vault.Vault {
	params := p.Params(s)
	params.Now = func() time.Time { return now }
	v, err := vault.Open(t.Context(), params)
	vaulttest.Must(t, err)
	return v
}

func backupAt(t *testing.T, p *vaulttest.Person, s storage.Storage, dir string, now time.Time) uint64 {
	o := vaulttest.Options(dir)
	o.Now = func() time.Time { return now }
	r, err := backup.Run(t.Context(), at(t, p, s, now), o, nil)
	vaulttest.Must(t, err)
	return r.Seq
}

func kept(t *testing.T, v *vault.Vault, p vault.Policy) (out []uint64) {
	t.Helper()
	decisions, err := v.Decide(p)
	vaulttest.Must(t, err)
	for _, d := range decisions {
		if d.Keep {
			out = append(out, d.Snapshot.Seq)
		}
	}
	return out
}

// TestPolicyKeepsTheFirstOfEachBucket has two snapshots on each of ten days.
func TestPolicyKeepsTheFirstOfEachBucket(t *testing.T) {
	w := newWorld(t)
	w.write("file", []byte("x"))
	var all []uint64
	for day := range 10 {
		for _, hour := range []int{1, 13} {
			now := vaulttest.Time.Truncate(24 * time.Hour).Add(time.Duration(day*24+hour) * time.Hour)
			all = append(all, backupAt(t, w.person, w.store, w.dir, now))
		}
	}
	v := at(t, w.person, w.store, vaulttest.Time.AddDate(0, 0, 10))
	for _, c := range []struct {
		policy vault.Policy
		want   []uint64
	}{
		{vault.Policy{Last: 3}, all[17:]},
		{vault.Policy{Daily: 3}, []uint64{all[14], all[16], all[18]}},
		{vault.Policy{Hourly: 2}, all[18:]},
		{vault.Policy{Monthly: 5}, []uint64{all[0], all[2]}},
		{vault.Policy{Yearly: 1}, all[:1]},
		{vault.Policy{Daily: 1, Last: 1}, all[18:]},
	} {
		if got := kept(t, v, c.policy); !slices.Equal(got, c.want) {
			t.Errorf("%+v keeps %v, want %v", c.policy, got, c.want)
		}
	}
}

// TestThiefCannotBendRetention covers line 6: a stolen device adds snapshots with
// any times, and the owner's next forget drops no snapshot of another device, and
// none that it would not have dropped at the time of the theft, but one for the
// bucket that has begun since.
func TestThiefCannotBendRetention(t *testing.T) {
	count := 10000
	if testing.Short() {
		count = 40
	}
	w := newWorld(t)
	w.write("file", []byte("x"))
	other, _ := w.person.Join(t, w.store)
	now := vaulttest.Time
	var stolen, others []uint64
	for day := range 7 {
		now = vaulttest.Time.AddDate(0, 0, day)
		stolen = append(stolen, backupAt(t, w.person, w.store, w.dir, now))
		others = append(others, backupAt(t, other, w.store, w.dir, now))
	}
	policy := vault.Policy{Daily: 8, Weekly: 4, Monthly: 12}
	before := kept(t, at(t, other, w.store, now), policy)
	thief := w.person.Open(t, w.store)
	for i := range count {
		claimed := now.AddDate(i%200-100, 0, i)
		if i < 5 { // whole runs take long: the others are entries alone, of the same content
			backupAt(t, w.person, w.store, w.dir, claimed)
			continue
		}
		publishAgain(t, w, thief, claimed)
	}
	after := kept(t, at(t, other, w.store, now.Add(time.Hour)), policy)
	for _, seq := range before {
		if !slices.Contains(after, seq) {
			t.Errorf("snapshot %d of %v is dropped after the theft", seq, append(stolen, others...))
		}
	}
}

// publishAgain publishes the newest snapshot once more, with another time, as a
// program can that does not keep to the rules.
func publishAgain(t *testing.T, w *world, thief *vault.Vault, claimed time.Time) {
	vaulttest.Must(t, thief.Refresh(t.Context()))
	s, err := thief.Snapshot("latest")
	vaulttest.Must(t, err)
	e := thief.State().NextEntry(w.person.Device.ID(), oplog.KindSnapshot, claimed.Unix())
	object, err := oplog.Seal(thief.Keys(), w.person.Device.Signature, e, s.Body)
	vaulttest.Must(t, err)
	vaulttest.Must(t, w.store.Create(t.Context(), oplog.ObjectName(e.Seq), object))
}

// TestForgetIsRefusedOrUndone covers line 7.
func TestForgetIsRefusedOrUndone(t *testing.T) {
	w := newWorld(t)
	w.write("file", []byte("x"))
	first := w.backup()
	w.write("file", vaulttest.Random(1, 100<<10))
	second := w.backup()
	v := w.person.Open(t, w.store)
	if _, err := v.Decide(vault.Policy{}); !errors.Is(err, vault.ErrKeepsNothing) {
		t.Errorf("a policy that keeps nothing: %v", err)
	}
	if _, err := v.Forget(t.Context(), []uint64{99}, ""); !errors.Is(err, vault.ErrNoSnapshot) {
		t.Errorf("forgetting what is not there: %v", err)
	}
	seq, err := v.Forget(t.Context(), []uint64{first, second}, "typo")
	vaulttest.Must(t, err)
	if len(vaulttest.Live(v)) != 0 {
		t.Fatalf("%v are live", vaulttest.Live(v))
	}
	r, err := v.Prune(t.Context(), vault.PruneOptions{Wait: vault.DefaultWait})
	vaulttest.Must(t, err)
	if r.Deleted != 0 {
		t.Errorf("prune deleted %d packs at once", r.Deleted)
	}
	vaulttest.Must(t, v.Undo(t.Context(), []uint64{seq}))
	w.intact(w.store, "after undo")
	if got := vaulttest.Live(v); !slices.Equal(got, []uint64{first, second}) {
		t.Errorf("%v are live after undo", got)
	}
	seq, err = v.Forget(t.Context(), []uint64{first}, "")
	vaulttest.Must(t, err)
	delete(w.digests, first)
	if _, err := v.Prune(t.Context(), vault.PruneOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := v.Undo(t.Context(), []uint64{seq}); !errors.Is(err, vault.ErrTooLate) {
		t.Errorf("undo after the data is gone: %v", err)
	}
	w.intact(w.store, "after prune")
	if _, err := v.Prune(t.Context(), vault.PruneOptions{Wait: vault.DefaultWait}); err != nil {
		t.Errorf("prune with a wait after one without: %v", err)
	}
}

// TestClocksDoNotMatter covers line 5: the clocks of devices are off by ten years,
// and nothing that is live is lost.
func TestClocksDoNotMatter(t *testing.T) {
	for _, years := range []int{-10, 10} {
		t.Run(fmt.Sprint(years), func(t *testing.T) {
			w := newWorld(t)
			w.history()
			other, _ := w.person.Join(t, w.store)
			wrong := vaulttest.Time.AddDate(years, 0, 0)
			w.write("more", vaulttest.Random(5, 200<<10))
			seq := backupAt(t, other, w.store, w.dir, wrong)
			w.digests[seq] = vaulttest.MustDigest(t, w.person.Open(t, w.store), seq)
			for _, now := range []time.Time{wrong, vaulttest.Time, wrong.AddDate(0, 0, 20)} {
				if _, err := at(t, other, w.store, now).Prune(context.Background(), vault.PruneOptions{Wait: vault.DefaultWait}); err != nil {
					t.Fatal(err)
				}
				w.intact(w.store, "a clock that is wrong")
			}
		})
	}
}

// TestFullStorage covers line 8: a storage without room lists, restores, forgets
// and prunes; a backup stops and says why, and goes on when there is room.
func TestFullStorage(t *testing.T) {
	w := newWorld(t)
	w.history()
	w.write("alone", vaulttest.Random(7, 200<<10)) // what no other snapshot shares
	gone := w.backup()
	vaulttest.Must(t, os.Remove(filepath.Join(w.dir, "alone")))
	w.write("new", vaulttest.Random(6, 3<<20))
	full := &fullStorage{Memory: w.store}
	v := w.person.Open(t, full)
	if _, err := backup.Run(t.Context(), v, vaulttest.Options(w.dir), nil); !errors.Is(err, storage.ErrFull) {
		t.Fatalf("a backup into a full storage: %v", err)
	}
	w.intact(full, "a full storage")
	v = w.person.Open(t, full)
	_, err := v.Forget(t.Context(), []uint64{gone}, "")
	vaulttest.Must(t, err)
	delete(w.digests, gone)
	r, err := v.Prune(t.Context(), vault.PruneOptions{})
	vaulttest.Must(t, err)
	if !r.NoRoom || r.Deleted == 0 {
		t.Errorf("prune of a full storage: %+v", r)
	}
	w.intact(full, "pruned without room")
	w.backup()
	w.intact(w.store, "room again")
}

// fullStorage has no room for packs; a folder keeps some for entries of the log.
type fullStorage struct{ *storagetest.Memory }

func (f *fullStorage) Create(ctx context.Context, name string, data []byte) error {
	if len(data) > 64<<10 {
		return storage.ErrFull
	}
	return f.Memory.Create(ctx, name, data)
}

// TestUndoRefusesWhatCannotBe: a number of no forget, or one given twice, must not
// end the log.
func TestUndoRefusesWhatCannotBe(t *testing.T) {
	w := newWorld(t)
	w.write("file", []byte("x"))
	first := w.backup()
	v := w.person.Open(t, w.store)
	seq, err := v.Forget(t.Context(), []uint64{first}, "")
	vaulttest.Must(t, err)
	for _, forgets := range [][]uint64{{seq, seq + 100}, {first}, {0, seq}} {
		if err := v.Undo(t.Context(), forgets); !errors.Is(err, vault.ErrNoSnapshot) {
			t.Errorf("undo of %v: %v", forgets, err)
		}
	}
	vaulttest.Must(t, v.Undo(t.Context(), []uint64{seq, seq}))
	w.intact(w.store, "after all undos")
}
