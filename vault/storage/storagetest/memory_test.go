// SPDX-License-Identifier: AGPL-3.0-or-later

package storagetest_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

func TestMemoryConforms(t *testing.T) {
	storagetest.Run(t, func(*testing.T) func() storage.Storage {
		m := storagetest.NewMemory()
		return func() storage.Storage { return m }
	})
}

func TestMemoryLosesWhatWasNotFlushed(t *testing.T) {
	ctx, m := t.Context(), storagetest.NewMemory()
	for i := range 40 {
		if err := m.Create(ctx, fmt.Sprintf("packs/%d", i), nil); err != nil {
			t.Fatal(err)
		}
		if i == 19 {
			if err := m.Sync(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	m.Crash(rand.New(rand.NewPCG(1, 1)))
	if n := len(m.Names("packs/")); n <= 20 || n >= 40 {
		t.Errorf("%d objects are left of 20 that were flushed and 20 that were not", n)
	}
}

func TestFaultyStopsForGood(t *testing.T) {
	for _, after := range []bool{false, true} {
		ctx, m := t.Context(), storagetest.NewMemory()
		f := &storagetest.Faulty{Storage: m, FailAt: 2, After: after}
		if err := f.Create(ctx, "packs/1", nil); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"packs/2", "packs/3"} {
			if err := f.Create(ctx, name, nil); !errors.Is(err, storagetest.ErrKilled) {
				t.Errorf("creating %s: %v", name, err)
			}
		}
		if _, err := f.Size(ctx, "packs/1"); !errors.Is(err, storagetest.ErrKilled) {
			t.Errorf("reading: %v", err)
		}
		want := 1
		if after {
			want = 2
		}
		if n := len(m.Names("")); n != want {
			t.Errorf("%d objects, want %d", n, want)
		}
	}
}
