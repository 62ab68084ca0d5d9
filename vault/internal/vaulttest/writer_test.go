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

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/backup"
	"github.com/securecrypt/securecrypt/vault/internal/vaulttest"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/restore"
	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

// writerDir has files of a write-only device.
func writerDir(t *testing.T) string {
	dir := t.TempDir()
	vaulttest.Write(t, filepath.Join(dir, "a"), vaulttest.Random(50, 300<<10))
	vaulttest.Write(t, filepath.Join(dir, "sub", "b"), vaulttest.Text(51, 90<<10))
	vaulttest.Write(t, filepath.Join(dir, "sub", "c"), []byte("small"))
	return dir
}

// writerBackup makes a snapshot on a write-only device and notes what it holds.
func (w *world) writerBackup(p *vaulttest.Writer, s storage.Storage, dir string) oplog.Counts {
	w.t.Helper()
	v := p.Open(w.t, s)
	r := vaulttest.Backup(w.t, v, dir)
	p.Keep(w.t, v)
	w.digests[r.Seq] = vaulttest.MustDigest(w.t, w.person.Open(w.t, w.store), r.Seq)
	return r.Counts
}

func TestWriteOnlyDeviceBacksUp(t *testing.T) {
	w := newWorld(t)
	w.history()
	dir := writerDir(t)
	p, v := w.person.JoinWriter(t, w.store, "box")
	first := vaulttest.Backup(t, v, dir)
	p.Keep(t, v)
	owner := w.person.Open(t, w.store)
	target := vaulttest.Restore(t, owner, first.Seq, dir)
	vaulttest.SameTrees(t, vaulttest.Listing(t, dir), vaulttest.Listing(t, target))
	snapshot, err := owner.Snapshot(fmt.Sprint(first.Seq))
	vaulttest.Must(t, err)
	compared := new(restore.Progress)
	vaulttest.Must(t, restore.Run(t.Context(), owner, snapshot, restore.Options{Target: target, Path: dir, Compare: true}, compared))
	if n, different := compared.Files.Load(), compared.Different.Load(); n != 3 || different != 0 {
		t.Errorf("of %d restored files %d differ from the snapshot", n, different)
	}
	w.digests[first.Seq] = vaulttest.MustDigest(t, owner, first.Seq)
	vaulttest.Write(t, filepath.Join(dir, "sub", "d"), vaulttest.Random(52, 100<<10))
	if c := w.writerBackup(p, w.store, dir); c.NewBytes > 110<<10 {
		t.Errorf("the second run sent %d bytes", c.NewBytes)
	}
	w.revokeNobody()
	if c := w.writerBackup(p, w.store, dir); c.NewBytes > 4<<10 {
		t.Errorf("a run in a new epoch sent %d bytes", c.NewBytes)
	}
	w.intact(w.store, "after the write-only device's runs")
	if r, err := w.person.Open(t, w.store).Check(t.Context(), vault.CheckOptions{Deep: true}); err != nil || len(r.Problems) > 0 {
		t.Errorf("check: %v, %+v", err, r.Problems)
	}
}

func (w *world) revokeNobody() {
	w.t.Helper()
	vaulttest.Must(w.t, w.person.Open(w.t, w.store).Rotate(w.t.Context()))
}

// TestStolenWriteOnlyDevice covers line 23 of the failures that vaults are built
// against: a write-only device that is stolen with its disk open reveals no file
// that is no longer on it, and cannot tell whether the vault holds a given file.
func TestStolenWriteOnlyDevice(t *testing.T) {
	w := newWorld(t)
	secret := vaulttest.Random(60, 400<<10)
	w.write("secret", secret)
	w.backup()
	dir := writerDir(t)
	vaulttest.Write(t, filepath.Join(dir, "gone"), vaulttest.Random(61, 200<<10))
	p, v := w.person.JoinWriter(t, w.store, "box")
	vaulttest.Backup(t, v, dir)
	p.Keep(t, v)
	vaulttest.Must(t, os.Remove(filepath.Join(dir, "gone")))
	w.writerBackup(p, w.store, dir)

	stolen := p.Open(t, w.store) // with everything that is on its disk
	ring := stolen.Keys()
	for seq, name := range w.store.Names("log/") {
		b, err := storage.ReadAll(t.Context(), w.store, name, oplog.LargeObject)
		vaulttest.Must(t, err)
		if _, _, err := ring.OpenEntry(uint64(seq), b); !errors.Is(err, keys.ErrKey) {
			t.Errorf("it opens %s: %v", name, err)
		}
	}
	for _, name := range w.store.Names("packs/") {
		b, err := storage.ReadAll(t.Context(), w.store, name, storage.MaxObject)
		vaulttest.Must(t, err)
		n, err := pack.ParseObject(name)
		vaulttest.Must(t, err)
		if _, err := pack.Open(n, b, nil, ring.OpenSession); err == nil {
			t.Errorf("it opens %s", name)
		}
	}
	for _, name := range w.store.Names("keys/0") {
		b, err := storage.ReadAll(t.Context(), w.store, name, keys.MaxObject)
		vaulttest.Must(t, err)
		o, err := keys.ParseObject(b)
		vaulttest.Must(t, err)
		if _, err := keys.Open(ring.Config(), []*keys.Object{o}, p.Device.KEM); !errors.Is(err, keys.ErrKey) {
			t.Errorf("it opens %s: %v", name, err)
		}
	}
	// It has no key that names a chunk of another device, and what it does have
	// names a file of another device, or one that it does not have any more, otherwise.
	if _, err := ring.IDKey(keys.FirstOwnDomain+1, keys.KindData); !errors.Is(err, keys.ErrKey) {
		t.Errorf("it has keys of another domain: %v", err)
	}
	for name, content := range map[string][]byte{"another device's file": secret, "a file that it had": vaulttest.Random(61, 200<<10)} {
		probe := t.TempDir()
		vaulttest.Write(t, filepath.Join(probe, "x"), content)
		o := vaulttest.Options(probe)
		o.DryRun = true
		r, err := backup.Run(t.Context(), p.Open(t, w.store), o, nil)
		vaulttest.Must(t, err)
		if r.Counts.NewBytes < uint64(len(content)) {
			t.Errorf("%s: %d of %d bytes are new", name, r.Counts.NewBytes, len(content))
		}
	}
	mayNotDo(t, stolen)
}

// mayNotDo tries what a write-only device cannot do.
func mayNotDo(t *testing.T, v *vault.Vault) {
	t.Helper()
	ctx := t.Context()
	for name, try := range map[string]func() error{
		"list":    func() error { _, err := v.Snapshot("latest"); return err },
		"forget":  func() error { _, err := v.Forget(ctx, []uint64{1}, ""); return err },
		"decide":  func() error { _, err := v.Decide(vault.Policy{Last: 1}); return err },
		"undo":    func() error { return v.Undo(ctx, []uint64{1}) },
		"prune":   func() error { _, err := v.Prune(ctx, vault.PruneOptions{}); return err },
		"check":   func() error { _, err := v.Check(ctx, vault.CheckOptions{}); return err },
		"stats":   func() error { _, err := v.Stats(ctx); return err },
		"add":     func() error { _, err := v.AddDevice(ctx, vaulttest.NewPerson(t).Device.Public("")); return err },
		"addOnly": func() error { _, err := v.AddWriter(ctx, vaulttest.NewPerson(t).Device.Public("")); return err },
		"rotate":  func() error { return v.Rotate(ctx) },
	} {
		if err := try(); !errors.Is(err, vault.ErrWriteOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWriteOnlyDeviceThatBreaksTheRules has the keys of a write-only device sign
// what it may not, and what cannot be: nothing of it has an effect, and the log
// goes on.
func TestWriteOnlyDeviceThatBreaksTheRules(t *testing.T) {
	w := newWorld(t)
	w.history()
	p, v := w.person.JoinWriter(t, w.store, "box")
	live := vaulttest.Live(w.person.Open(t, w.store))
	packs := []pack.Name{}
	for _, name := range w.store.Names("packs/") {
		n, err := pack.ParseObject(name)
		vaulttest.Must(t, err)
		packs = append(packs, n)
	}
	stranger := vaulttest.NewPerson(t).Device.Public("")
	for kind, body := range map[oplog.Kind]any{
		oplog.KindForget: oplog.ForgetBody{Snapshots: live}, oplog.KindSweep: oplog.PacksBody{Packs: packs}, oplog.KindMark: oplog.PacksBody{Packs: packs},
		oplog.KindDevice: oplog.DeviceBody{Key: stranger.Signature, KEM: stranger.KEM}, oplog.KindSnapshot: oplog.SnapshotBody{Root: []byte{1}, Paths: [][]byte{}},
		oplog.KindEpoch: oplog.EpochBody{Epoch: 2}, 99: oplog.RunBody{},
	} {
		vaulttest.Must(t, v.Refresh(t.Context()))
		e := v.State().NextEntry(p.Device.ID(), kind, 1)
		object, err := oplog.Seal(v.Keys(), p.Device.Signature, e, body)
		vaulttest.Must(t, err)
		vaulttest.Must(t, w.store.Create(t.Context(), oplog.ObjectName(e.Seq), object))
	}
	got := w.intact(w.store, "after the write-only device's entries")
	if !slices.Equal(vaulttest.Live(got), live) || len(got.State().Refused) != 7 || len(got.State().Swept)+len(got.State().Marks) > 0 || len(got.State().Devices) != 2 {
		t.Errorf("%v live, %d refused, %d devices", vaulttest.Live(got), len(got.State().Refused), len(got.State().Devices))
	}
	w.backup()
}

func TestRevokedWriteOnlyDevice(t *testing.T) {
	w := newWorld(t)
	w.history()
	dir := writerDir(t)
	p, open := w.person.JoinWriter(t, w.store, "box")
	w.writerBackup(p, w.store, dir)
	w.revoke(0, &vaulttest.Person{Device: p.Device})
	if _, err := p.TryOpen(w.store); !errors.Is(err, vault.ErrRevoked) {
		t.Errorf("it opens the vault: %v", err)
	}
	if _, err := backup.Run(t.Context(), open, vaulttest.Options(dir), nil); !errors.Is(err, vault.ErrRevoked) {
		t.Errorf("it backs up: %v", err)
	}
	w.intact(w.store, "after the revocation")
}

// TestWriteOnlyRunKilledAtEveryWrite kills a run, has the owner delete everything
// that nothing needs, and runs again.
func TestWriteOnlyRunKilledAtEveryWrite(t *testing.T) {
	base := newWorld(t)
	base.history()
	dir := writerDir(t)
	p, _ := base.person.JoinWriter(t, base.store, "box")
	base.writerBackup(p, base.store, dir)
	vaulttest.Write(t, filepath.Join(dir, "new"), vaulttest.Random(70, 200<<10))
	vaulttest.Must(t, os.Remove(filepath.Join(dir, "a")))
	disk := *p
	counting := &storagetest.Faulty{Storage: base.store.Clone()}
	vaulttest.Backup(t, p.Open(t, counting), dir)
	for n := 1; n <= counting.Calls(); n++ {
		for _, after := range []bool{false, true} {
			w := &world{t: t, dir: base.dir, person: base.person, store: base.store.Clone(), digests: base.digests}
			again := disk
			_, err := backup.Run(context.Background(), again.Open(t, &storagetest.Faulty{Storage: w.store, FailAt: n, After: after}), vaulttest.Options(dir), nil)
			if err == nil && !after {
				t.Fatalf("killed at call %d: no error", n)
			}
			what := fmt.Sprintf("killed at call %d of %d, after it: %v", n, counting.Calls(), after)
			v := w.intact(w.store, what)
			decisions, err := v.Decide(vault.Policy{Last: 1})
			vaulttest.Must(t, err)
			for _, d := range decisions {
				if !d.Keep {
					_, err := v.Forget(t.Context(), []uint64{d.Snapshot.Seq}, "")
					vaulttest.Must(t, err)
				}
			}
			_, err = v.Prune(t.Context(), vault.PruneOptions{})
			vaulttest.Must(t, err)
			r := vaulttest.Backup(t, again.Open(t, w.store), dir)
			target := vaulttest.Restore(t, w.person.Open(t, w.store), r.Seq, dir)
			vaulttest.SameTrees(t, vaulttest.Listing(t, dir), vaulttest.Listing(t, target))
		}
	}
}

// TestPruneDuringAWriteOnlyRun has the owner delete everything that nothing needs
// before each write of a run, with no waiting time.
func TestPruneDuringAWriteOnlyRun(t *testing.T) {
	base := newWorld(t)
	base.history()
	dir := writerDir(t)
	p, _ := base.person.JoinWriter(t, base.store, "box")
	base.writerBackup(p, base.store, dir)
	vaulttest.Write(t, filepath.Join(dir, "new"), vaulttest.Random(70, 200<<10))
	disk := *p
	counting := &storagetest.Faulty{Storage: base.store.Clone()}
	vaulttest.Backup(t, p.Open(t, counting), dir)
	for at := 1; at <= counting.Calls(); at++ {
		w := &world{t: t, dir: base.dir, person: base.person, store: base.store.Clone(), digests: base.digests}
		again := disk
		f := &storagetest.Faulty{Storage: w.store, Before: func(n int, _ string) {
			if n == at {
				_, err := w.person.Open(t, w.store).Prune(context.Background(), vault.PruneOptions{})
				vaulttest.Must(t, err)
				vaulttest.Must(t, w.person.Open(t, w.store).Rotate(context.Background()))
			}
		}}
		v := again.Open(t, f)
		r := vaulttest.Backup(t, v, dir)
		w.intact(w.store, fmt.Sprintf("prune before write %d", at))
		target := vaulttest.Restore(t, w.person.Open(t, w.store), r.Seq, dir)
		vaulttest.SameTrees(t, vaulttest.Listing(t, dir), vaulttest.Listing(t, target))
	}
}

// TestForgetKeepsWhatAWriterReliesOn: the newest snapshot of a write-only device
// stays until the device is removed.
func TestForgetKeepsWhatAWriterReliesOn(t *testing.T) {
	w := newWorld(t)
	w.history()
	p, v := w.person.JoinWriter(t, w.store, "box")
	dir := writerDir(t)
	r := vaulttest.Backup(t, v, dir)
	p.Keep(t, v)
	owner := w.person.Open(t, w.store)
	if _, err := owner.Forget(t.Context(), []uint64{r.Seq}, ""); !errors.Is(err, vault.ErrReliedOn) {
		t.Errorf("forgetting it: %v", err)
	}
	w.revoke(0, &vaulttest.Person{Device: p.Device})
	_, err := w.person.Open(t, w.store).Forget(t.Context(), []uint64{r.Seq}, "")
	vaulttest.Must(t, err)
}

// TestWriterSendsLostDataAgain damages a pack of a write-only device beyond repair.
func TestWriterSendsLostDataAgain(t *testing.T) {
	w := newWorld(t)
	dir := writerDir(t)
	p, v := w.person.JoinWriter(t, w.store, "box")
	vaulttest.Backup(t, v, dir)
	p.Keep(t, v)
	for _, name := range w.store.Names("packs/") {
		w.store.Edit(name, func(b []byte) []byte { clear(b[:len(b)/2]); return b })
	}
	_, err := w.person.Open(t, w.store).Check(t.Context(), vault.CheckOptions{Repair: true})
	vaulttest.Must(t, err)
	second := p.Open(t, w.store)
	r := vaulttest.Backup(t, second, dir)
	target := vaulttest.Restore(t, w.person.Open(t, w.store), r.Seq, dir)
	vaulttest.SameTrees(t, vaulttest.Listing(t, dir), vaulttest.Listing(t, target))
}

// TestWriterOfThePast puts what a write-only device keeps back to an earlier state:
// it relies on chunks that are gone, which check finds, and repair has it send them.
func TestWriterOfThePast(t *testing.T) {
	w := newWorld(t)
	dir := writerDir(t)
	p, v := w.person.JoinWriter(t, w.store, "box")
	first := vaulttest.Backup(t, v, dir)
	p.Keep(t, v)
	past := *p
	content, err := os.ReadFile(filepath.Join(dir, "a"))
	vaulttest.Must(t, err)
	vaulttest.Must(t, os.Remove(filepath.Join(dir, "a")))
	vaulttest.Backup(t, p.Open(t, w.store), dir)
	owner := w.person.Open(t, w.store)
	_, err = owner.Forget(t.Context(), []uint64{first.Seq}, "")
	vaulttest.Must(t, err)
	_, err = owner.Prune(t.Context(), vault.PruneOptions{})
	vaulttest.Must(t, err)
	vaulttest.Write(t, filepath.Join(dir, "a"), content)
	vaulttest.Backup(t, past.Open(t, w.store), dir)
	r, err := w.person.Open(t, w.store).Check(t.Context(), vault.CheckOptions{Repair: true})
	vaulttest.Must(t, err)
	if !r.Lost() {
		t.Fatal("nothing is lost: the test is no test")
	}
	last := vaulttest.Backup(t, past.Open(t, w.store), dir)
	target := vaulttest.Restore(t, w.person.Open(t, w.store), last.Seq, dir)
	vaulttest.SameTrees(t, vaulttest.Listing(t, dir), vaulttest.Listing(t, target))
}

// TestWriterFollowsLaterDevices has full devices that came after a write-only one
// begin epochs, one added by another device and one by the recovery key.
func TestWriterFollowsLaterDevices(t *testing.T) {
	w := newWorld(t)
	dir := writerDir(t)
	p, _ := w.person.JoinWriter(t, w.store, "box")
	w.writerBackup(p, w.store, dir)
	_, added := w.addDevice("later")
	_, joined := w.person.Join(t, w.store)
	for i, v := range []*vault.Vault{added, joined} {
		w.writerBackup(p, w.store, dir) // it hears of the device
		vaulttest.Must(t, v.Rotate(t.Context()))
		w.writerBackup(p, w.store, dir)
		owner := w.person.Open(t, w.store)
		name := oplog.ObjectName(owner.State().Next - 1)
		b, err := storage.ReadAll(t.Context(), w.store, name, oplog.LargeObject)
		vaulttest.Must(t, err)
		if _, epoch, err := owner.Keys().OpenEntry(owner.State().Next-1, b); err != nil || epoch != uint32(i+2) {
			t.Errorf("its entry is of epoch %d: %v", epoch, err)
		}
	}
	w.intact(w.store, "after both epochs")
}

// TestWriterKnowsWhatItsSnapshotNeeds has a run send a chunk that its snapshot does
// not need, as of a file that changed while it was read. Prune may delete it, so
// that the next run has to send it again.
func TestWriterKnowsWhatItsSnapshotNeeds(t *testing.T) {
	w := newWorld(t)
	_, v := w.person.JoinWriter(t, w.store, "box")
	send := func() uint64 {
		run, err := v.NewWriter(t.Context(), vault.WriterOptions{})
		vaulttest.Must(t, err)
		defer run.Close()
		k, err := run.Worker()
		vaulttest.Must(t, err)
		_, err = k.Add(keys.KindData, vaulttest.Random(80, 1000))
		vaulttest.Must(t, err)
		_, err = v.PublishSnapshot(t.Context(), run, k, oplog.SnapshotBody{Host: "h", Paths: [][]byte{}})
		vaulttest.Must(t, err)
		return run.NewBytes.Load()
	}
	if first, second := send(), send(); first != 1000 || second != 1000 {
		t.Errorf("%d and %d bytes are new", first, second)
	}
}
