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
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

// addDevice has the owner add another device by its text, and opens the vault there.
func (w *world) addDevice(name string) (*vaulttest.Person, *vault.Vault) {
	w.t.Helper()
	other := vaulttest.NewPerson(w.t)
	text, err := other.Device.Public(name).Text()
	vaulttest.Must(w.t, err)
	public, err := keys.ParsePublicDevice(text)
	vaulttest.Must(w.t, err)
	code, err := w.person.Open(w.t, w.store).AddDevice(w.t.Context(), public)
	vaulttest.Must(w.t, err)
	v, err := vault.OpenAdded(w.t.Context(), other.Params(w.store), code)
	vaulttest.Must(w.t, err)
	return other, v
}

func (w *world) revoke(since uint64, people ...*vaulttest.Person) uint64 {
	w.t.Helper()
	var ids []keys.DeviceID
	for _, p := range people {
		ids = append(ids, p.Device.ID())
	}
	seq, err := w.person.Open(w.t, w.store).Revoke(w.t.Context(), ids, vault.RevokeOptions{Since: since})
	vaulttest.Must(w.t, err)
	return seq
}

func openError(p *vaulttest.Person, s storage.Storage) error {
	_, err := vault.Open(context.Background(), p.Params(s))
	return err
}

func TestAddedDeviceSharesTheVault(t *testing.T) {
	w := newWorld(t)
	w.history()
	other, v := w.addDevice("second")
	r := vaulttest.Backup(t, v, w.dir)
	if r.Counts.NewBytes > 4096 {
		t.Errorf("%d bytes were new to the second device", r.Counts.NewBytes)
	}
	w.digests[r.Seq] = vaulttest.MustDigest(t, other.Open(t, w.store), r.Seq)
	w.intact(w.store, "after the second device's backup")
	public := other.Device.Public("again")
	if _, err := w.person.Open(t, w.store).AddDevice(t.Context(), public); !errors.Is(err, vault.ErrDeviceThere) {
		t.Errorf("added twice: %v", err)
	}
	if _, err := vault.OpenAdded(t.Context(), other.Params(w.store), "0123"); !errors.Is(err, vault.ErrOtherVault) {
		t.Errorf("another code: %v", err)
	}
	if err := openError(vaulttest.NewPerson(t), w.store); !errors.Is(err, keys.ErrKey) {
		t.Errorf("a device that was not added: %v", err)
	}
}

func TestRevokedDevice(t *testing.T) {
	w := newWorld(t)
	w.history()
	thief, stolen := w.addDevice("stolen")
	friend, open := w.addDevice("friend")
	w.write("by the stolen one", vaulttest.Random(30, 100<<10))
	before := vaulttest.Backup(t, stolen, w.dir)
	w.digests[before.Seq] = vaulttest.MustDigest(t, stolen, before.Seq)
	last := w.store.Names("log/")
	old := stolen.Keys()
	w.revoke(0, thief)
	if err := openError(thief, w.store); !errors.Is(err, vault.ErrRevoked) {
		t.Errorf("the revoked device opens the vault: %v", err)
	}
	if _, err := backup.Run(t.Context(), stolen, vaulttest.Options(w.dir), nil); !errors.Is(err, vault.ErrRevoked) {
		t.Errorf("the revoked device's backup: %v", err)
	}
	w.intact(w.store, "after the revocation")
	w.write("later", vaulttest.Random(31, 100<<10))
	r := vaulttest.Backup(t, open, w.dir) // was open all the time
	if r.Counts.NewBytes > 120<<10 {
		t.Errorf("%d bytes were new: deduplication did not survive", r.Counts.NewBytes)
	}
	w.digests[r.Seq] = vaulttest.MustDigest(t, friend.Open(t, w.store), r.Seq)
	for _, name := range w.store.Names("log/")[len(last)+1:] {
		b, err := storage.ReadAll(t.Context(), w.store, name, oplog.LargeObject)
		vaulttest.Must(t, err)
		for seq := range uint64(20) {
			if _, _, err := old.OpenEntry(seq, b); err == nil {
				t.Errorf("the revoked device reads %s", name)
			}
		}
	}
	// The recovery key, and a device that is added later, open all epochs.
	_, joined := w.person.Join(t, w.store)
	_, added := w.addDevice("third")
	for _, v := range []*vault.Vault{joined, added} {
		for seq, want := range w.digests {
			vaulttest.SameTrees(t, want, vaulttest.MustDigest(t, v, seq))
		}
	}
	if d := added.State().Devices[thief.Device.ID()]; d.Revoked == 0 || d.RevokedTime != vaulttest.Time.Unix() {
		t.Errorf("the list has %+v", d)
	}
	if _, err := open.Revoke(t.Context(), []keys.DeviceID{thief.Device.ID()}, vault.RevokeOptions{}); !errors.Is(err, vault.ErrNoDevice) {
		t.Errorf("revoked twice: %v", err)
	}
	if _, err := open.Revoke(t.Context(), []keys.DeviceID{friend.Device.ID()}, vault.RevokeOptions{}); !errors.Is(err, vault.ErrRevokesItself) {
		t.Errorf("a device revokes itself: %v", err)
	}
}

// TestRevokedDeviceGoesOn has a program that does not keep to the rules publish
// with the keys of a revoked device: nobody takes notice, and the log goes on.
func TestRevokedDeviceGoesOn(t *testing.T) {
	w := newWorld(t)
	w.history()
	thief, stolen := w.addDevice("stolen")
	vaulttest.Must(t, stolen.Refresh(t.Context()))
	w.revoke(0, thief)
	live := vaulttest.Live(w.person.Open(t, w.store))
	for range 2 {
		v := w.person.Open(t, w.store)
		e := v.State().NextEntry(thief.Device.ID(), oplog.KindForget, 1)
		object, err := oplog.Seal(stolen.Keys(), thief.Device.Signature, e, oplog.ForgetBody{Snapshots: live})
		vaulttest.Must(t, err)
		vaulttest.Must(t, w.store.Create(t.Context(), oplog.ObjectName(e.Seq), object))
	}
	v := w.intact(w.store, "after the revoked device's entries")
	if got := vaulttest.Live(v); len(got) != len(live) || len(v.State().Refused) != 2 {
		t.Errorf("%d of %d snapshots, %d entries refused", len(got), len(live), len(v.State().Refused))
	}
	w.backup()
	w.intact(w.store, "after a further backup")
}

// TestRevokedDuringABackup revokes a device before each write of its run.
func TestRevokedDuringABackup(t *testing.T) {
	base := newWorld(t)
	base.history()
	thief, _ := base.addDevice("stolen")
	base.write("new", vaulttest.Random(20, 300<<10))
	counting := &storagetest.Faulty{Storage: base.store.Clone()}
	vaulttest.Backup(t, thief.Open(t, counting), base.dir)
	for at := 1; at < counting.Calls(); at++ { // the last only flushes
		w := &world{t: t, dir: base.dir, person: base.person, store: base.store.Clone(), digests: base.digests}
		f := &storagetest.Faulty{Storage: w.store, Before: func(n int, _ string) {
			if n == at {
				w.revoke(0, thief)
			}
		}}
		_, err := backup.Run(context.Background(), thief.Open(t, f), vaulttest.Options(w.dir), nil)
		if !errors.Is(err, vault.ErrRevoked) {
			t.Errorf("revoked before write %d: %v", at, err)
		}
		w.intact(w.store, fmt.Sprintf("revoked before write %d", at))
	}
}

// TestRevokeKilledAtEveryWrite: the device is revoked or it is not, and the next
// attempt revokes it.
func TestRevokeKilledAtEveryWrite(t *testing.T) {
	w := newWorld(t)
	w.history()
	thief, _ := w.addDevice("stolen")
	revoke := func(v *vault.Vault) error {
		_, err := v.Revoke(context.Background(), []keys.DeviceID{thief.Device.ID()}, vault.RevokeOptions{})
		return err
	}
	w.killEverywhere("revoke", revoke, func(s storage.Storage) {
		v := w.person.Open(t, s)
		if v.State().Devices[thief.Device.ID()].Revoked == 0 {
			vaulttest.Must(t, revoke(v))
		}
		if err := openError(thief, s); !errors.Is(err, vault.ErrRevoked) {
			t.Fatalf("the revoked device: %v", err)
		}
	})
}

// TestEpochsBeginOneByOne has two devices begin the next epoch at the same time,
// at every write of the first.
func TestEpochsBeginOneByOne(t *testing.T) {
	base := newWorld(t)
	base.history()
	friend, _ := base.addDevice("friend")
	for at := 1; at <= 3; at++ {
		w := &world{t: t, dir: base.dir, person: base.person, store: base.store.Clone(), digests: base.digests}
		f := &storagetest.Faulty{Storage: w.store, Before: func(n int, _ string) {
			if n == at {
				vaulttest.Must(t, friend.Open(t, w.store).Rotate(t.Context()))
			}
		}}
		vaulttest.Must(t, w.person.Open(t, f).Rotate(t.Context()))
		v := w.intact(w.store, "two epochs at the same time")
		if got := v.Keys().Epoch(); got != 3 {
			t.Errorf("epoch %d", got)
		}
		vaulttest.Backup(t, friend.Open(t, w.store), w.dir)
	}
}

// TestFirstVersionsDevicesAreNotLockedOut revokes in a vault whose devices have
// never told their keys for the next epoch.
func TestFirstVersionsDevicesAreNotLockedOut(t *testing.T) {
	_, m := goldenVault(t, "1")
	p := vaulttest.NewPerson(t)
	v, err := vault.Join(t.Context(), p.Params(m), goldenKey(t, "1"), "new")
	vaulttest.Must(t, err)
	var old []keys.DeviceID
	for id := range v.State().Devices {
		if id != p.Device.ID() {
			old = append(old, id)
		}
	}
	if _, err := v.Revoke(t.Context(), old[:1], vault.RevokeOptions{}); !errors.Is(err, vault.ErrKeyUnknown) {
		t.Errorf("a device would be locked out: %v", err)
	}
	_, err = v.Revoke(t.Context(), old, vault.RevokeOptions{})
	vaulttest.Must(t, err)
	dir := t.TempDir()
	vaulttest.Write(t, filepath.Join(dir, "x"), []byte("x"))
	vaulttest.Backup(t, p.Open(t, m), dir)
	r, err := p.Open(t, m).Check(t.Context(), vault.CheckOptions{Deep: true})
	if err != nil || len(r.Problems) > 0 {
		t.Errorf("check: %v, %+v", err, r.Problems)
	}
}

// addSilentDevice adds a device as a first version did, without its key for the next
// epoch.
func (w *world) addSilentDevice() *vaulttest.Person {
	t := w.t
	t.Helper()
	old, v := vaulttest.NewPerson(t), w.person.Open(t, w.store)
	names := w.store.Names("keys/0")
	b, err := storage.ReadAll(t.Context(), w.store, names[len(names)-1], keys.MaxObject)
	vaulttest.Must(t, err)
	object, err := keys.ParseObject(b)
	vaulttest.Must(t, err)
	next, err := v.Keys().AddDevice([]*keys.Object{object}, object.Revision+1, old.Device.KEM.PublicKey())
	vaulttest.Must(t, err)
	vaulttest.Must(t, w.store.Create(t.Context(), keys.ObjectName(next.Epoch, next.Revision), next.Encode()))
	e := v.State().NextEntry(w.person.Device.ID(), oplog.KindDevice, 1)
	entry, err := oplog.Seal(v.Keys(), w.person.Device.Signature, e, oplog.DeviceBody{Key: old.Device.Public("").Signature, Name: "old"})
	vaulttest.Must(t, err)
	vaulttest.Must(t, w.store.Create(t.Context(), oplog.ObjectName(e.Seq), entry))
	return old
}

// TestDeviceTellsItsKey has a device of a first version tell its key when it writes:
// then it is not locked out.
func TestDeviceTellsItsKey(t *testing.T) {
	w := newWorld(t)
	w.history()
	thief, _ := w.addDevice("stolen")
	old := w.addSilentDevice()
	if _, err := w.person.Open(t, w.store).Revoke(t.Context(), []keys.DeviceID{thief.Device.ID()}, vault.RevokeOptions{}); !errors.Is(err, vault.ErrKeyUnknown) {
		t.Fatalf("a device would be locked out: %v", err)
	}
	vaulttest.Backup(t, old.Open(t, w.store), w.dir)
	w.revoke(0, thief)
	vaulttest.Backup(t, old.Open(t, w.store), w.dir)
	w.intact(w.store, "after the old device's backup")
}

// TestAddedTwiceAtATime has two devices add the same one, at every write of the
// first: the log goes on.
func TestAddedTwiceAtATime(t *testing.T) {
	base := newWorld(t)
	base.history()
	friend, _ := base.addDevice("friend")
	for at := 1; at <= 3; at++ {
		w := &world{t: t, dir: base.dir, person: base.person, store: base.store.Clone(), digests: base.digests}
		public := vaulttest.NewPerson(t).Device.Public("new")
		f := &storagetest.Faulty{Storage: w.store, Before: func(n int, _ string) {
			if n == at {
				_, err := friend.Open(t, w.store).AddDevice(t.Context(), public)
				vaulttest.Must(t, err)
			}
		}}
		if _, err := w.person.Open(t, f).AddDevice(t.Context(), public); !errors.Is(err, vault.ErrDeviceThere) {
			t.Errorf("added by another before write %d: %v", at, err)
		}
		w.intact(w.store, "added by two")
	}
}

// TestRevokeRefusesWhatCannotBe: a wrong number must not end the log.
func TestRevokeRefusesWhatCannotBe(t *testing.T) {
	w := newWorld(t)
	w.history()
	other, _ := w.addDevice("other")
	v := w.person.Open(t, w.store)
	for _, c := range []struct {
		ids   []keys.DeviceID
		since uint64
	}{{[]keys.DeviceID{other.Device.ID()}, v.State().Next + 1}, {nil, 1}} {
		if _, err := v.Revoke(t.Context(), c.ids, vault.RevokeOptions{Since: c.since}); !errors.Is(err, vault.ErrNoEntry) {
			t.Errorf("since %d: %v", c.since, err)
		}
	}
	twice := []keys.DeviceID{other.Device.ID(), other.Device.ID()}
	_, err := v.Revoke(t.Context(), twice, vault.RevokeOptions{})
	vaulttest.Must(t, err)
	w.intact(w.store, "revoked by a list with a device twice")
}
