// SPDX-License-Identifier: AGPL-3.0-or-later

package vaulttest_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/backup"
	"github.com/securecrypt/securecrypt/vault/internal/vaulttest"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

// epochs counts the packs of a storage by the epoch in their heads.
func epochs(t *testing.T, s storage.Storage) map[uint32]int {
	t.Helper()
	out := map[uint32]int{}
	vaulttest.Must(t, s.List(t.Context(), "packs/", func(name string, _ int64) error {
		b, err := s.Read(t.Context(), name, 0, pack.EpochEnd)
		epoch, ok := pack.EpochOf(b)
		if !ok {
			t.Errorf("%s has no epoch", name)
		}
		out[epoch]++
		return err
	}))
	return out
}

// reseal seals everything again, one pack at a time.
func reseal(v *vault.Vault) (*vault.ResealResult, error) {
	return v.Reseal(context.Background(), vault.ResealOptions{Wait: vault.DefaultWait, Batch: 1})
}

func TestEverythingIsSealedAgain(t *testing.T) {
	w := newWorld(t)
	w.history()
	dir := writerDir(t)
	p, _ := w.person.JoinWriter(t, w.store, "box")
	w.writerBackup(p, w.store, dir)
	w.writerBackup(p, w.store, dir) // the first run's packs are not those of the newest run
	thief, stolen := w.addDevice("stolen")
	w.revoke(0, thief)
	forgotten := vaulttest.Forgotten(w.person.Open(t, w.store).State())
	before, logs := w.store.Clone(), len(w.store.Names("log/"))
	dry, err := w.person.Open(t, w.store).Reseal(t.Context(), vault.ResealOptions{Wait: vault.DefaultWait, DryRun: true})
	vaulttest.Must(t, err)
	if len(w.store.Names("log/")) != logs || dry.Packs == 0 || dry.Epoch != 2 {
		t.Errorf("a dry run: %+v, %d entries more", dry, len(w.store.Names("log/"))-logs)
	}
	r, err := reseal(w.person.Open(t, w.store))
	vaulttest.Must(t, err)
	if r.Packs != dry.Packs || r.Epoch != 2 || r.Deleted == 0 {
		t.Errorf("sealed again: %+v, and the dry run said %+v", r, dry)
	}
	v := w.intact(w.store, "sealed again")
	if got := epochs(t, w.store); got[1] != int(r.Left) || got[2] == 0 {
		t.Errorf("packs by epoch: %v, and %+v", got, r)
	}
	if check, err := v.Check(t.Context(), vault.CheckOptions{Deep: true}); err != nil || len(check.Problems) > 0 {
		t.Errorf("check: %v, %+v", err, check.Problems)
	}
	for _, name := range w.store.Names("packs/") { // the revoked device opens nothing new
		if b, err := storage.ReadAll(t.Context(), before, name, storage.MaxObject); err == nil && len(b) > 0 {
			continue // it was there when the device was still one
		}
		b, err := storage.ReadAll(t.Context(), w.store, name, storage.MaxObject)
		vaulttest.Must(t, err)
		n, err := pack.ParseObject(name)
		vaulttest.Must(t, err)
		if _, err := pack.Open(n, b, nil, stolen.Keys().OpenSession); err == nil {
			t.Errorf("the revoked device opens %s", name)
		}
	}
	// What was forgotten can still be brought back, deduplication goes on, and the
	// write-only device's packs go after its next run.
	vaulttest.Must(t, v.Undo(t.Context(), v.State().Forgets()))
	for _, seq := range forgotten {
		vaulttest.MustDigest(t, v, seq)
	}
	if c := vaulttest.Backup(t, w.person.Open(t, w.store), w.dir).Counts; c.NewBytes > 4096 {
		t.Errorf("%d bytes are new after everything was sealed again", c.NewBytes)
	}
	// The times of the folders above are in the snapshot, and others change /tmp.
	if c := w.writerBackup(p, w.store, dir); c.NewBytes > 1024 {
		t.Errorf("%d bytes are new to the write-only device", c.NewBytes)
	}
	_, err = w.person.Open(t, w.store).Prune(t.Context(), vault.PruneOptions{})
	vaulttest.Must(t, err)
	if got := epochs(t, w.store); got[1] != 0 {
		t.Errorf("packs by epoch in the end: %v", got)
	}
	w.intact(w.store, "in the end")
}

// TestResealBeginsAnEpoch: when everything is sealed to the current epoch, sealing
// again begins the next one.
func TestResealBeginsAnEpoch(t *testing.T) {
	w := newWorld(t)
	w.history()
	for want := uint32(2); want < 4; want++ {
		r, err := reseal(w.person.Open(t, w.store))
		vaulttest.Must(t, err)
		if got := epochs(t, w.store); r.Epoch != want || len(got) != 1 || got[want] == 0 {
			t.Errorf("epoch %d, packs by epoch: %v", r.Epoch, got)
		}
		w.intact(w.store, fmt.Sprintf("epoch %d", want))
	}
}

// TestResealKilledAtEveryWrite covers line 4 for rotation: every snapshot is whole,
// and the next attempt goes on, without another epoch.
func TestResealKilledAtEveryWrite(t *testing.T) {
	w := newWorld(t)
	w.history()
	operation := func(v *vault.Vault) error {
		_, err := reseal(v)
		return err
	}
	w.killEverywhere("reseal", operation, func(s storage.Storage) {
		v := w.person.Open(t, s)
		if v.Keys().Epoch() == 2 && len(epochs(t, s)) == 1 && epochs(t, s)[2] > 0 {
			return // it was done, and would begin again
		}
		vaulttest.Must(t, operation(v))
		if got := epochs(t, s); v.Keys().Epoch() != 2 || got[1] > 0 {
			t.Fatalf("epoch %d, packs by epoch %v", v.Keys().Epoch(), got)
		}
	})
}

// TestResealIsStopped cancels it after the first pack, and goes on.
func TestResealIsStopped(t *testing.T) {
	w := newWorld(t)
	w.history()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := w.person.Open(t, w.store).Reseal(ctx, vault.ResealOptions{Wait: vault.DefaultWait, Batch: 1, Progress: func(done, _ int) {
		if done == 1 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || r.Packs != 1 {
		t.Fatalf("stopped: %+v, %v", r, err)
	}
	w.intact(w.store, "stopped")
	r, err = reseal(w.person.Open(t, w.store))
	vaulttest.Must(t, err)
	if got := epochs(t, w.store); r.Epoch != 2 || got[1] > 0 {
		t.Errorf("%+v, packs by epoch: %v", r, got)
	}
	w.intact(w.store, "and then finished")
}

// TestResealMeetsABackup has another device back up before each write of the
// sealing, and the other way round.
func TestResealMeetsABackup(t *testing.T) {
	base := newWorld(t)
	base.history()
	friend, _ := base.addDevice("friend")
	base.write("new", vaulttest.Random(20, 300<<10))
	base.write("goes", vaulttest.Random(2, 900<<10)) // is in a forgotten snapshot, and in packs that are not needed
	run := func(v *vault.Vault) error {
		_, err := backup.Run(context.Background(), v, vaulttest.Options(base.dir), nil)
		return err
	}
	seal := func(v *vault.Vault) error {
		_, err := v.Reseal(context.Background(), vault.ResealOptions{Batch: 1})
		return err
	}
	for _, pair := range []struct{ first, second func(*vault.Vault) error }{{seal, run}, {run, seal}} {
		counting := &storagetest.Faulty{Storage: base.store.Clone()}
		vaulttest.Must(t, pair.first(base.person.Open(t, counting)))
		for at := 1; at <= counting.Calls(); at++ {
			w := &world{t: t, dir: base.dir, person: base.person, store: base.store.Clone(), digests: base.digests}
			f := &storagetest.Faulty{Storage: w.store, Before: func(n int, _ string) {
				if n == at {
					vaulttest.Must(t, pair.second(friend.Open(t, w.store)))
				}
			}}
			vaulttest.Must(t, pair.first(w.person.Open(t, f)))
			v := w.intact(w.store, fmt.Sprintf("the other device works before write %d", at))
			s, err := v.Snapshot("latest")
			vaulttest.Must(t, err)
			target := vaulttest.Restore(t, v, s.Seq, filepath.Clean(w.dir))
			vaulttest.SameTrees(t, vaulttest.Listing(t, w.dir), vaulttest.Listing(t, target))
		}
	}
}

// TestResealOfDamagedData changes nothing and says what to do.
func TestResealOfDamagedData(t *testing.T) {
	w := newWorld(t)
	w.history()
	for _, name := range w.store.Names("packs/") {
		w.store.Edit(name, func(b []byte) []byte { clear(b); return b })
	}
	packs := w.store.Names("packs/")
	_, err := reseal(w.person.Open(t, w.store))
	if !errors.Is(err, vault.ErrMissing) && !errors.Is(err, vault.ErrDamaged) {
		t.Errorf("sealing damaged data again: %v", err)
	}
	if got := w.store.Names("packs/"); len(got) != len(packs) || w.person.Open(t, w.store).Keys().Epoch() != 1 {
		t.Errorf("%d of %d packs are left", len(got), len(packs))
	}
	var id keys.DeviceID
	if _, err := w.person.Open(t, w.store).Revoke(t.Context(), []keys.DeviceID{id}, vault.RevokeOptions{}); !errors.Is(err, vault.ErrNoDevice) {
		t.Errorf("revoking nobody: %v", err)
	}
}
