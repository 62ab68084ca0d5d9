// SPDX-License-Identifier: AGPL-3.0-or-later

package vaulttest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/backup"
	"github.com/securecrypt/securecrypt/vault/internal/vaulttest"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

// flip changes one bit of a segment.
func flip(b []byte, segment int, random *rand.Rand) {
	at := segment*pack.SegmentSize + random.IntN(pack.SegmentSize)
	b[at] ^= 1 << random.IntN(8)
}

// TestDamagedSegmentsAreRepaired covers line 9: damage up to the parity is found,
// read through, and repaired; beyond it, files and snapshots are named, and no
// wrong byte is returned.
func TestDamagedSegmentsAreRepaired(t *testing.T) {
	if testing.Short() {
		t.Skip("it repairs packs of the largest class; TestGoldenVaultIsRepaired has small ones")
	}
	w := newWorld(t)
	w.write("small", []byte("small"))
	w.backup()
	w.write("large", vaulttest.Random(1, 17<<20)) // a pack of 256 segments, and one of a small class
	seq := w.backup()
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range w.store.Names("packs/") {
		w.store.Edit(name, func(b []byte) []byte {
			class, err := pack.ClassOf(int64(len(b)))
			vaulttest.Must(t, err)
			for _, segment := range random.Perm(class.Segments)[:class.Parity] {
				flip(b, segment, random)
			}
			return b
		})
	}
	v := w.intact(w.store, "damage up to the parity")
	r, err := v.Check(t.Context(), vault.CheckOptions{Read: true})
	vaulttest.Must(t, err)
	if !r.Bad() || r.Lost() || len(r.Problems) != len(w.store.Names("packs/")) {
		t.Fatalf("check found %+v", r.Problems)
	}
	r, err = v.Check(t.Context(), vault.CheckOptions{Repair: true})
	vaulttest.Must(t, err)
	if r.Bad() {
		t.Fatalf("repair left %+v", r.Problems)
	}
	if r, err = w.person.Open(t, w.store).Check(t.Context(), vault.CheckOptions{Deep: true}); err != nil || len(r.Problems) > 0 {
		t.Fatalf("after the repair: %v, %+v", err, r.Problems)
	}
	for _, name := range w.store.Names("packs/") {
		w.store.Edit(name, func(b []byte) []byte {
			class, _ := pack.ClassOf(int64(len(b))) // it was one above
			if class.Segments < 256 {
				return b
			}
			for _, segment := range random.Perm(class.Data)[:class.Parity+1] {
				flip(b, segment, random)
			}
			return b
		})
	}
	v = w.person.Open(t, w.store)
	r, err = v.Check(t.Context(), vault.CheckOptions{Repair: true})
	vaulttest.Must(t, err)
	if !r.Lost() {
		t.Fatalf("damage beyond the parity: %+v", r.Problems)
	}
	for _, p := range r.Problems {
		if p.Lost && (p.Snapshot != seq || !strings.HasSuffix(p.Path, "/large")) {
			t.Errorf("named as lost: snapshot %d, %s", p.Snapshot, p.Path)
		}
	}
	target := t.TempDir()
	p, err := vaulttest.RestoreTo(v, seq, w.dir, target, func(string, error) {})
	vaulttest.Must(t, err)
	if p.Failed.Load() != 1 {
		t.Errorf("%d files failed", p.Failed.Load())
	}
	if got := vaulttest.Listing(t, target); len(got) != 1 || !strings.HasPrefix(got[0], `"small"`) {
		t.Errorf("restored: %q", got)
	}
}

// TestEveryBitMatters flips a bit in every object of a vault, one at a time, and
// damages nothing else: what is returned is right, or an error.
func TestEveryBitMatters(t *testing.T) {
	w := newWorld(t)
	w.history()
	random := rand.New(rand.NewPCG(3, 4))
	for _, name := range w.store.Names("") {
		rounds := 8
		if testing.Short() {
			rounds = 2
		}
		for range rounds {
			left := w.store.Clone()
			at := 0
			left.Edit(name, func(b []byte) []byte {
				at = random.IntN(len(b))
				b[at] ^= 1 << random.IntN(8)
				return b
			})
			v, err := vault.Open(t.Context(), w.person.Params(left))
			if strings.HasPrefix(name, "packs/") {
				vaulttest.Must(t, err)
				w.intact(left, fmt.Sprintf("a bit of %s at %d", name, at))
				r, err := v.Check(t.Context(), vault.CheckOptions{Read: true})
				vaulttest.Must(t, err)
				if len(r.Problems) == 0 {
					t.Errorf("check --read does not find a bit of %s at %d", name, at)
				}
				continue
			}
			if err == nil {
				t.Errorf("a bit of %s at %d goes unnoticed", name, at)
			}
		}
	}
}

// TestLyingStorage has a storage that shows an old state, mixes histories,
// withholds entries and shows another vault.
func TestLyingStorage(t *testing.T) {
	w := newWorld(t)
	w.write("file", []byte("one"))
	w.backup()
	old := w.store.Clone()
	w.write("file", []byte("two"))
	w.backup()
	pin := w.person.Open(t, w.store).Pin()
	open := func(s *storagetest.Memory) error {
		p := w.person.Params(s)
		p.Pin = pin
		_, err := vault.Open(t.Context(), p)
		return err
	}
	vaulttest.Must(t, open(w.store))
	if err := open(old); !errors.Is(err, vault.ErrRolledBack) {
		t.Errorf("an old state: %v", err)
	}
	fork := &world{t: t, dir: w.dir, person: w.person, store: old.Clone(), digests: map[uint64][]string{}}
	fork.write("file", []byte("three"))
	fork.backup()
	if err := open(fork.store); !errors.Is(err, vault.ErrRolledBack) {
		t.Errorf("another history of the same length: %v", err)
	}
	mixed := w.store.Clone()
	mixed.Edit(oplog.ObjectName(1), func([]byte) []byte {
		b, err := fork.store.Read(t.Context(), oplog.ObjectName(2), 0, oplog.SmallObject)
		vaulttest.Must(t, err)
		return b
	})
	if err := open(mixed); !errors.Is(err, oplog.ErrBroken) {
		t.Errorf("an entry in another's place: %v", err)
	}
	fork.write("file", []byte("four"))
	fork.backup()
	mixed = w.store.Clone()
	b, err := fork.store.Read(t.Context(), oplog.ObjectName(3), 0, oplog.SmallObject)
	vaulttest.Must(t, err)
	vaulttest.Must(t, mixed.Create(t.Context(), oplog.ObjectName(3), b))
	if err := open(mixed); !errors.Is(err, oplog.ErrBroken) {
		t.Errorf("an entry of another history: %v", err)
	}
	withheld := w.store.Clone()
	vaulttest.Must(t, withheld.Delete(t.Context(), oplog.ObjectName(1)))
	if err := open(withheld); !errors.Is(err, vault.ErrRolledBack) && !errors.Is(err, vault.ErrWithheld) {
		t.Errorf("an entry is withheld: %v", err)
	}
	if _, err := vault.Open(t.Context(), w.person.Params(withheld)); !errors.Is(err, vault.ErrWithheld) {
		t.Errorf("an entry is withheld from a device that remembers nothing: %v", err)
	}
	foreign := newWorld(t)
	if err := open(foreign.store); !errors.Is(err, vault.ErrOtherVault) {
		t.Errorf("another vault: %v", err)
	}
	for _, name := range foreign.store.Names("keys/") { // another vault's keys under this one's configuration
		b, err := foreign.store.Read(t.Context(), name, 0, 13508)
		vaulttest.Must(t, err)
		swapped := w.store.Clone()
		vaulttest.Must(t, swapped.Replace(t.Context(), name, b))
		if err := open(swapped); !errors.Is(err, keys.ErrKey) {
			t.Errorf("keys of another vault: %v", err)
		}
	}
}

// TestSwappedPacksAreNoticed gives each pack the bytes of another.
func TestSwappedPacksAreNoticed(t *testing.T) {
	w := newWorld(t)
	w.write("a", vaulttest.Random(1, 100<<10))
	w.backup()
	w.write("b", vaulttest.Random(2, 100<<10))
	w.backup()
	names := w.store.Names("packs/")
	if len(names) != 2 {
		t.Fatalf("%d packs", len(names))
	}
	left := w.store.Clone()
	other := w.store.Clone()
	left.Edit(names[0], func([]byte) []byte {
		b, err := other.Read(t.Context(), names[1], 0, 256<<10)
		vaulttest.Must(t, err)
		return b
	})
	v := w.person.Open(t, left)
	r, err := v.Check(t.Context(), vault.CheckOptions{Read: true})
	if err == nil && !r.Bad() {
		t.Error("a pack in another's place goes unnoticed")
	}
	for seq, want := range w.digests {
		if got, err := vaulttest.Digest(v, seq); err == nil {
			vaulttest.SameTrees(t, want, got)
		}
	}
}

// TestLostDataIsStoredAgain covers line 9: what is lost beyond repair keeps check
// red, and the next backup stores it again if the source still has it.
func TestLostDataIsStoredAgain(t *testing.T) {
	for _, damage := range []string{"a pack is missing", "a pack is cut off", "segments are damaged"} {
		t.Run(damage, func(t *testing.T) {
			w := newWorld(t)
			w.write("first", vaulttest.Random(1, 3<<20))
			w.backup()
			w.write("second", vaulttest.Random(2, 3<<20))
			w.write("small", []byte("small"))
			w.backup()
			names := w.store.Names("packs/")
			random := rand.New(rand.NewPCG(5, 6))
			for _, name := range names {
				switch damage {
				case "a pack is missing":
					vaulttest.Must(t, w.store.Delete(t.Context(), name))
				case "a pack is cut off":
					w.store.Edit(name, func(b []byte) []byte { return b[:100000] })
				default:
					w.store.Edit(name, func(b []byte) []byte {
						for _, segment := range []int{3, 4, 5, 6} {
							flip(b, segment, random)
						}
						return b
					})
				}
			}
			v := w.person.Open(t, w.store)
			r, err := v.Check(t.Context(), vault.CheckOptions{Read: true})
			vaulttest.Must(t, err)
			if !r.Lost() {
				t.Fatalf("check found %+v", r.Problems)
			}
			for range 2 {
				r, err = v.Check(t.Context(), vault.CheckOptions{Repair: true})
				vaulttest.Must(t, err)
				if !r.Lost() {
					t.Fatalf("check is no longer red after a repair that cannot be: %+v", r.Problems)
				}
			}
			vaulttest.Backup(t, w.person.Open(t, w.store), w.dir)
			w.healed(damage)
		})
	}
}

// misreading is a storage whose disk is whole and whose reads of large pieces are
// not: each has other damage.
type misreading struct {
	*storagetest.Memory
	random *rand.Rand
	on     bool
}

func (m *misreading) Read(ctx context.Context, name string, offset, length int64) ([]byte, error) {
	b, err := m.Memory.Read(ctx, name, offset, length)
	if err != nil || !m.on || !strings.HasPrefix(name, "packs/") || length < 8*pack.SegmentSize {
		return b, err
	}
	b = bytes.Clone(b)
	for segment := range 6 {
		flip(b, segment, m.random)
	}
	return b, nil
}

// TestMisreadPacksAreKept covers line 10: what is damaged on the way from the
// storage, and not in it, is named as such, and a repair deletes and writes nothing.
func TestMisreadPacksAreKept(t *testing.T) {
	w := newWorld(t)
	w.write("first", vaulttest.Random(1, 3<<20))
	w.backup()
	s := &misreading{Memory: w.store, random: rand.New(rand.NewPCG(7, 8))}
	before := w.store.Names("")
	v := w.person.Open(t, s)
	s.on = true
	r, err := v.Check(t.Context(), vault.CheckOptions{Repair: true})
	vaulttest.Must(t, err)
	if !slices.ContainsFunc(r.Problems, func(p vault.Problem) bool { return errors.Is(p.Err, vault.ErrMisread) }) {
		t.Errorf("check found %+v", r.Problems)
	}
	if after := w.store.Names(""); !slices.Equal(after, before) {
		t.Errorf("a repair on a machine that misreads left %q of %q", after, before)
	}
	w.intact(w.store, "a machine that misreads")
}

// TestLostIndexIsWrittenAnew damages a pack whose index page alone lists what a
// snapshot needs. Everything is found without it, and stays found when prune has
// deleted it.
func TestLostIndexIsWrittenAnew(t *testing.T) {
	w := newWorld(t)
	w.write("file", vaulttest.Random(1, 100<<10))
	unpublished := w.store.Clone()
	killed := &storagetest.Faulty{Storage: unpublished, FailAt: 3} // the pack is there, and no entry
	if _, err := backup.Run(t.Context(), w.person.Open(t, killed), vaulttest.Options(w.dir), nil); !errors.Is(err, storagetest.ErrKilled) {
		t.Fatalf("the backup was not killed: %v", err)
	}
	w.store = unpublished
	before := w.store.Names("packs/")
	w.write("another", []byte("x"))
	first := w.backup() // lists the pack that is there
	index := w.store.Names("packs/")
	index = slices.DeleteFunc(index, func(name string) bool { return slices.Contains(before, name) })
	w.write("another", []byte("y"))
	w.backup()
	if len(before) != 1 || len(index) != 1 {
		t.Fatalf("%d packs before, %d with an index", len(before), len(index))
	}
	random := rand.New(rand.NewPCG(1, 1))
	w.store.Edit(index[0], func(b []byte) []byte {
		for segment := range 4 {
			flip(b, segment, random)
		}
		return b
	})
	v := w.person.Open(t, w.store)
	_, err := v.Forget(t.Context(), []uint64{first}, "its pages are lost")
	vaulttest.Must(t, err)
	delete(w.digests, first)
	w.intact(w.store, "without an index")
	v = w.person.Open(t, w.store)
	r, err := v.Prune(t.Context(), vault.PruneOptions{})
	vaulttest.Must(t, err)
	if slices.Contains(w.store.Names("packs/"), index[0]) {
		t.Fatalf("prune left the pack: %+v", r)
	}
	w.intact(w.store, "pruned without an index")
}

// TestRepairKilledAtEveryWrite covers line 4 for repair: what parity can rebuild stays
// so, and a second repair ends it.
func TestRepairKilledAtEveryWrite(t *testing.T) {
	w := newWorld(t)
	w.history()
	damaged := 0
	for _, name := range w.store.Names("packs/") {
		w.store.Edit(name, func(b []byte) []byte { b[2000] ^= 1; return b })
		damaged++
	}
	repair := func(v *vault.Vault) error {
		_, err := v.Check(context.Background(), vault.CheckOptions{Repair: true})
		return err
	}
	if damaged < 3 {
		t.Fatalf("%d packs are damaged: the test is too small", damaged)
	}
	w.killEverywhere("repair", repair, func(s storage.Storage) {
		vaulttest.Must(t, repair(w.person.Open(t, s)))
		r, err := w.person.Open(t, s).Check(context.Background(), vault.CheckOptions{Deep: true})
		if err != nil || len(r.Problems) > 0 {
			t.Fatalf("after a second repair: %v, %+v", err, r)
		}
	})
}
