// SPDX-License-Identifier: AGPL-3.0-or-later

package vaulttest_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/internal/vaulttest"
	"github.com/securecrypt/securecrypt/vault/storage"
)

// metered counts the bytes of packs that are read.
type metered struct {
	storage.Storage
	read atomic.Int64
}

func (m *metered) Read(ctx context.Context, name string, offset, length int64) ([]byte, error) {
	if strings.HasPrefix(name, "packs/") {
		m.read.Add(length)
	}
	return m.Storage.Read(ctx, name, offset, length)
}

// packs adds snapshots, each in a pack of its own.
func (w *world) packs(from, to int) {
	for i := from; i < to; i++ {
		w.write("file", vaulttest.Random(uint64(i), 1000))
		vaulttest.Backup(w.t, w.person.Open(w.t, w.store), w.dir)
	}
}

// sample checks a share of the packs, and returns the result with the proofs as they
// are after they were written and read again.
func (w *world) sample(s storage.Storage, percent float64, p *vault.Proofs) (*vault.CheckResult, *vault.Proofs) {
	w.t.Helper()
	r, err := w.person.Open(w.t, s).Check(w.t.Context(), vault.CheckOptions{Sample: percent, Proofs: p})
	vaulttest.Must(w.t, err)
	p, err = vault.ParseProofs(p.Encode())
	vaulttest.Must(w.t, err)
	return r, p
}

// proved counts the packs that were found intact, of all.
func (w *world) proved(p *vault.Proofs) (n, all int) {
	w.t.Helper()
	proofs, err := w.person.Open(w.t, w.store).Proved(w.t.Context(), p)
	vaulttest.Must(w.t, err)
	for _, x := range proofs {
		if x.Time == vaulttest.Time.Unix() {
			n++
		} else if x.Time != 0 {
			w.t.Errorf("%s was found intact at %d", x.Pack, x.Time)
		}
	}
	return n, len(proofs)
}

// TestSamplesMeetEveryPack covers line 11: samples of 10 percent read each pack once
// in ten runs, and as much as that share has.
func TestSamplesMeetEveryPack(t *testing.T) {
	w := newWorld(t)
	w.packs(0, 40)
	p := new(vault.Proofs)
	for run := 1; run <= 10; run++ {
		m := &metered{Storage: w.store}
		var r *vault.CheckResult
		if r, p = w.sample(m, 10, p); r.PacksRead != 4 || r.Bad() {
			t.Errorf("run %d read %d packs: %+v", run, r.PacksRead, r.Problems)
		}
		if n, all := w.proved(p); n != 4*run || all != 40 {
			t.Errorf("after run %d, %d of %d packs are proved", run, n, all)
		}
	}
	plain, sampled := &metered{Storage: w.store}, &metered{Storage: w.store}
	_, err := w.person.Open(t, plain).Check(t.Context(), vault.CheckOptions{})
	vaulttest.Must(t, err)
	w.sample(sampled, 2, p)
	if more := sampled.read.Load() - plain.read.Load(); more != 256<<10 {
		t.Errorf("a sample of 2%% of 40 packs of 256 KiB reads %d bytes", more)
	}
}

// TestSamplesMeetOldPacksWhileNewOnesCome covers line 11: packs that are written
// between the samples do not put off those that were there.
func TestSamplesMeetOldPacksWhileNewOnesCome(t *testing.T) {
	w := newWorld(t)
	w.packs(0, 25)
	before := w.store.Names("packs/")
	p := new(vault.Proofs)
	for run := range 10 {
		_, p = w.sample(w.store, 10, p)
		w.packs(25+2*run, 27+2*run)
	}
	proofs, err := w.person.Open(t, w.store).Proved(t.Context(), p)
	vaulttest.Must(t, err)
	seen := map[string]bool{}
	for _, x := range proofs {
		seen[x.Pack] = x.Time != 0
	}
	for _, name := range before {
		if !seen[name] {
			t.Errorf("%s was not read in ten samples", name)
		}
	}
}

// TestSampleFindsDamage covers line 11: damage is found by the sample that meets it,
// and such a pack counts as never proved until it is repaired.
func TestSampleFindsDamage(t *testing.T) {
	w := newWorld(t)
	w.packs(0, 20)
	p := new(vault.Proofs)
	_, err := w.person.Open(t, w.store).Check(t.Context(), vault.CheckOptions{Read: true, Proofs: p})
	vaulttest.Must(t, err)
	if n, all := w.proved(p); n != all {
		t.Fatalf("%d of %d packs are proved once all were read", n, all)
	}
	w.store.Edit(w.store.Names("packs/")[7], func(b []byte) []byte {
		b[70000] ^= 1
		return b
	})
	found := 0
	for range 10 {
		var r *vault.CheckResult
		if r, p = w.sample(w.store, 10, p); r.Bad() {
			found++
		}
	}
	if n, all := w.proved(p); found != 1 || n != all-1 {
		t.Errorf("%d samples found the damage; %d of %d packs are proved", found, n, all)
	}
	_, err = w.person.Open(t, w.store).Check(t.Context(), vault.CheckOptions{Repair: true, Proofs: p})
	vaulttest.Must(t, err)
	if n, all := w.proved(p); n != all {
		t.Errorf("%d of %d packs are proved after the repair", n, all)
	}
}

// TestProofsAreChecked has proofs that are damaged.
func TestProofsAreChecked(t *testing.T) {
	good := new(vault.Proofs).Encode()
	if _, err := vault.ParseProofs(good); err != nil {
		t.Error(err)
	}
	for _, b := range [][]byte{nil, good[:5], append(good[:len(good):len(good)], 1), append([]byte{9}, good[1:]...)} {
		if _, err := vault.ParseProofs(b); err == nil {
			t.Errorf("%s are taken for proofs", fmt.Sprintf("%x", b))
		}
	}
}
