// SPDX-License-Identifier: AGPL-3.0-or-later

package vaulttest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/backup"
	"github.com/securecrypt/securecrypt/vault/internal/vaulttest"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

// versioned is a storage that keeps what was deleted, as a bucket with versions
// does, until its owner brings it back.
type versioned struct {
	*storagetest.Memory
	deleted map[string][]byte
}

func (s *versioned) Delete(ctx context.Context, name string) error {
	if b, err := storage.ReadAll(ctx, s.Memory, name, storage.MaxObject); err == nil {
		s.deleted[name] = b
	}
	return s.Memory.Delete(ctx, name)
}

func (s *versioned) bringBack(t *testing.T) {
	for name, b := range s.deleted {
		vaulttest.Must(t, s.Memory.Create(t.Context(), name, b))
	}
	clear(s.deleted)
	vaulttest.Must(t, s.Memory.Sync(t.Context()))
}

// theft is a vault with three devices, one of which is stolen.
type theft struct {
	*world
	store  *versioned
	friend *vaulttest.Person
	thief  *vaulttest.Person
	since  uint64 // the first entry of the thief
	before []uint64
}

func newTheft(t *testing.T) *theft {
	w := newWorld(t)
	for i := range 12 {
		w.write(fmt.Sprintf("letters/%d", i), vaulttest.Text(uint64(i), 20<<10))
	}
	w.write("photo", vaulttest.Random(1, 500<<10))
	x := &theft{world: w, store: &versioned{w.store, map[string][]byte{}}}
	var stolen *vault.Vault
	x.friend, _ = w.addDevice("friend")
	x.thief, stolen = w.addDevice("stolen")
	for day := range 6 {
		now := vaulttest.Time.AddDate(0, 0, day-6)
		for i, p := range []*vaulttest.Person{w.person, x.friend, x.thief} {
			w.write("diary", vaulttest.Text(uint64(10*day+i), 5000*(day+1)))
			seq := backupAt(t, p, w.store, w.dir, now)
			w.digests[seq] = vaulttest.MustDigest(t, w.person.Open(t, w.store), seq)
		}
	}
	vaulttest.Must(t, stolen.Refresh(t.Context()))
	x.since, x.before = stolen.State().Next, vaulttest.Live(stolen)
	return x
}

// steal does what a thief can: snapshots with any times, a run that lost most
// files, another device, and the deletion of everything.
func (x *theft) steal(count int) (thief, accomplice *vault.Vault) {
	t := x.t
	v := x.thief.Open(t, x.store)
	s, err := v.Snapshot("latest")
	vaulttest.Must(t, err)
	for i := range count {
		claimed := vaulttest.Time.AddDate(i%200-100, 0, i)
		if i < 2 {
			backupAt(t, x.thief, x.store, x.dir, claimed)
			continue
		}
		vaulttest.Must(t, v.Refresh(t.Context()))
		e := v.State().NextEntry(x.thief.Device.ID(), oplog.KindSnapshot, claimed.Unix())
		object, err := oplog.Seal(v.Keys(), x.thief.Device.Signature, e, s.Body)
		vaulttest.Must(t, err)
		vaulttest.Must(t, x.store.Create(t.Context(), oplog.ObjectName(e.Seq), object))
	}
	kept := t.TempDir()
	vaulttest.Must(t, os.Rename(filepath.Join(x.dir, "letters"), filepath.Join(kept, "letters")))
	vaulttest.Backup(t, v, x.dir)
	vaulttest.Must(t, os.Rename(filepath.Join(kept, "letters"), filepath.Join(x.dir, "letters")))
	other := vaulttest.NewPerson(t)
	_, err = v.AddDevice(t.Context(), other.Device.Public("friend"))
	vaulttest.Must(t, err)
	accomplice = other.Open(t, x.store)
	for live := vaulttest.Live(accomplice); len(live) > 0; live = vaulttest.Live(accomplice) {
		_, err := accomplice.Forget(t.Context(), live, "")
		vaulttest.Must(t, err)
	}
	_, err = accomplice.Prune(t.Context(), vault.PruneOptions{})
	vaulttest.Must(t, err)
	if packs := x.store.Names("packs/"); len(packs) > 0 {
		t.Fatalf("the thief left %v", packs)
	}
	return v, accomplice
}

func (x *theft) revokeThief() uint64 {
	x.t.Helper()
	seq, err := x.person.Open(x.t, x.store).Revoke(x.t.Context(), []keys.DeviceID{x.thief.Device.ID()}, vault.RevokeOptions{Since: x.since})
	vaulttest.Must(x.t, err)
	return seq
}

// TestThiefsDevice covers line 6, and what a thief can do with a whole device:
// after it was revoked, the owner has lost nothing, and the next forget with a
// policy drops no snapshot that was there at the theft.
func TestThiefsDevice(t *testing.T) {
	count := 10000
	if testing.Short() {
		count = 60
	}
	x := newTheft(t)
	policy := vault.Policy{Daily: 10, Weekly: 4, Monthly: 3}
	// The devices stay open: reading so long a log takes long.
	owner, friend := x.person.Open(t, x.store), x.friend.Open(t, x.store)
	would := kept(t, owner, policy)
	thief, accomplice := x.steal(count)
	honest := vaulttest.Backup(t, friend, x.dir) // while nobody has noticed
	sent := int64(0)                             // by two attempts: the first finds that its parent is gone
	for _, name := range x.store.Names("packs/") {
		size, err := x.store.Size(t.Context(), name)
		vaulttest.Must(t, err)
		sent += size
	}
	if sent < 500<<10 {
		t.Errorf("the friend's backup sent %d bytes, though nothing was there", sent)
	}
	x.digests[honest.Seq] = vaulttest.MustDigest(t, friend, honest.Seq)
	x.store.bringBack(t)
	_, err := owner.Revoke(t.Context(), []keys.DeviceID{x.thief.Device.ID()}, vault.RevokeOptions{Since: x.since})
	vaulttest.Must(t, err)

	x.intactIn(owner, "after the thief was revoked")
	if got := vaulttest.Live(owner); !slices.Equal(got, append(slices.Clone(x.before), honest.Seq)) {
		t.Errorf("%v are live, and %v were at the theft", got, x.before)
	}
	for _, v := range []*vault.Vault{thief, accomplice} {
		if err := v.Refresh(t.Context()); !errors.Is(err, vault.ErrRevoked) {
			t.Errorf("a device of the thief reads on: %v", err)
		}
	}
	stays := kept(t, owner, policy)
	for _, seq := range would {
		if !slices.Contains(stays, seq) {
			t.Errorf("snapshot %d of %v is dropped after the theft", seq, would)
		}
	}
	if r, err := owner.Prune(t.Context(), vault.PruneOptions{}); err != nil || r.Deleted == 0 {
		t.Errorf("prune: %+v, %v", r, err)
	}
	if left := owner.State().Doubtful; len(left) > 0 {
		t.Errorf("%d packs are doubtful after prune", len(left))
	}
	v := x.intact(x.store, "and then pruned")
	if r, err := v.Check(t.Context(), vault.CheckOptions{Deep: true}); err != nil || len(r.Problems) > 0 {
		t.Errorf("check: %v, %+v", err, r.Problems)
	}
}

// TestTakenBackByMistake revokes from too early an entry on: undo brings the
// snapshots back.
func TestTakenBackByMistake(t *testing.T) {
	x := newTheft(t)
	x.since = x.before[8] // a snapshot of the stolen device, from before the theft
	seq := x.revokeThief()
	v := x.person.Open(t, x.store)
	if gone := v.ForgottenBy(seq); gone != 4 {
		t.Errorf("%d snapshots are forgotten", gone)
	}
	vaulttest.Must(t, v.Undo(t.Context(), []uint64{seq}))
	if got := vaulttest.Live(x.intact(x.store, "after undo")); !slices.Equal(got, x.before) {
		t.Errorf("%v are live, want %v", got, x.before)
	}
}

// TestRevokeOfAThiefKilledAtEveryWrite: what the thief deleted is there again, or
// the next attempt brings it back.
func TestRevokeOfAThiefKilledAtEveryWrite(t *testing.T) {
	x := newTheft(t)
	x.steal(3)
	x.store.bringBack(t)
	digests := maps.Clone(x.digests)
	x.world.digests = map[uint64][]string{} // nothing is there before it is revoked
	revoke := func(v *vault.Vault) error {
		d := v.State().Devices[x.thief.Device.ID()]
		if d.Revoked == 0 {
			_, err := v.Revoke(context.Background(), []keys.DeviceID{d.ID}, vault.RevokeOptions{Since: x.since})
			return err
		}
		_, err := v.Prune(context.Background(), vault.PruneOptions{})
		return err
	}
	x.killEverywhere("revoke", revoke, func(s storage.Storage) {
		vaulttest.Must(t, revoke(x.person.Open(t, s)))
		w := &world{t: t, person: x.person, digests: digests}
		w.intact(s, "revoked by the next attempt")
		_, err := x.person.Open(t, s).Prune(t.Context(), vault.PruneOptions{})
		vaulttest.Must(t, err)
		w.intact(s, "and pruned")
	})
}

// TestSlowDeleterMeetsRevoke has another device go on deleting what the thief had
// swept, while the owner revokes the thief: what the owner's next snapshot needs is
// not in those packs alone.
func TestSlowDeleterMeetsRevoke(t *testing.T) {
	x := newTheft(t)
	x.steal(3)
	swept := slices.Sorted(maps.Keys(x.store.deleted))
	x.store.bringBack(t)
	x.revokeThief()
	r, err := backup.Run(t.Context(), x.person.Open(t, x.store), vaulttest.Options(x.dir), nil)
	vaulttest.Must(t, err)
	x.digests[r.Seq] = vaulttest.MustDigest(t, x.person.Open(t, x.store), r.Seq)
	for _, name := range swept {
		vaulttest.Must(t, x.store.Memory.Delete(t.Context(), name))
	}
	x.intact(x.store, "what was swept is deleted after the revocation")
}
