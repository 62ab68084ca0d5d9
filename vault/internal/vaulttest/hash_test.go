// SPDX-License-Identifier: AGPL-3.0-or-later

package vaulttest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/zeebo/blake3"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/internal/vaulttest"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

// hashing is a storage that hashes its objects, and counts what it is read beside.
type hashing struct {
	metered
	memory *storagetest.Memory
}

func (h *hashing) Hashes(ctx context.Context, names []string, each func(string, int64, [32]byte) error) error {
	for _, name := range names {
		size, err := h.memory.Size(ctx, name)
		if err != nil {
			continue
		}
		data, err := h.memory.Read(ctx, name, 0, size)
		if err != nil {
			return err
		}
		if err := each(name, size, blake3.Sum256(data)); err != nil {
			return err
		}
	}
	return nil
}

// TestCheckByHashes covers line 11: where the storage hashes its packs, check reads
// those alone that are not what their names say, repairs nothing, and finds what
// reading everything would have found.
func TestCheckByHashes(t *testing.T) {
	w := newWorld(t)
	for i := range 6 {
		w.write(fmt.Sprint(i), vaulttest.Random(uint64(i), 1<<20))
		w.backup()
	}
	check := func() (*vault.CheckResult, int64) {
		s := &hashing{metered: metered{Storage: w.store}, memory: w.store}
		r, err := w.person.Open(t, s).Check(t.Context(), vault.CheckOptions{Hash: true})
		vaulttest.Must(t, err)
		return r, s.read.Load()
	}
	names := w.store.Names("packs/")
	whole, read := check()
	if whole.Bad() || whole.PacksHashed != uint64(len(names)) || whole.PacksRead != 0 {
		t.Errorf("%+v of %d packs", whole, len(names))
	}
	size, err := w.store.Size(t.Context(), names[0])
	vaulttest.Must(t, err)
	w.store.Edit(names[0], func(b []byte) []byte { b[70_000] ^= 1; return b })
	r, more := check()
	if !r.Bad() || r.Lost() || r.PacksRead != 1 || r.PacksHashed != uint64(len(names))-1 {
		t.Errorf("a damaged segment: %+v", r)
	}
	if more < read+size || more > read+3*size {
		t.Errorf("%d bytes are read for one damaged pack of %d, and %d without", more, size, read)
	}
	w.store.Edit(names[0], func(b []byte) []byte { return make([]byte, len(b)) })
	if r, _ := check(); !r.Bad() {
		t.Error("a pack of zeros is not found")
	}
}
