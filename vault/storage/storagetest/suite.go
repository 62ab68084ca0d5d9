// SPDX-License-Identifier: AGPL-3.0-or-later

package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/securecrypt/securecrypt/vault/storage"
)

// Run holds a storage against the contract of storage.Storage. connect opens
// another connection to the storage of the test, which begins empty.
// Lacks are tests that a storage is known to fail, with the reason.
func Run(t *testing.T, open func(t *testing.T) (connect func() storage.Storage), lacks ...Lack) {
	tests := []struct {
		name string
		run  func(t *testing.T, ctx context.Context, a, b storage.Storage)
	}{
		{"an object is read as it was created", readBack},
		{"a name is created once", createOnce},
		{"Replace replaces", replace},
		{"ranges", ranges},
		{"a listing has everything that was created", list},
		{"Delete", remove},
		{DeletedName, createAgain},
		{"names", names},
		{"Create has one winner", func(t *testing.T, ctx context.Context, a, b storage.Storage) { check(t, storage.Probe(ctx, a, b, 100)) }},
		{"many writers", manyWriters},
		{"a cancelled context stops calls", cancelled},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, lack := range lacks {
				if lack.Test == test.name {
					t.Skip(lack.Reason)
				}
			}
			connect := open(t)
			test.run(t, t.Context(), connect(), connect())
		})
	}
}

// DeletedName is the test that a name is free once its object was deleted.
const DeletedName = "a deleted name is free"

// A Lack is a test that a storage is known to fail.
type Lack struct{ Test, Reason string }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func content(seed uint64, size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b) // it never fails
	return b
}

func readBack(t *testing.T, ctx context.Context, a, b storage.Storage) {
	for i, size := range []int{0, 1, 4096, 65537, storage.MaxObject} {
		name := fmt.Sprintf("packs/%d", i)
		check(t, a.Create(ctx, name, content(uint64(i), size)))
		for _, s := range []storage.Storage{a, b} {
			got, err := storage.ReadAll(ctx, s, name, storage.MaxObject)
			check(t, err)
			if !bytes.Equal(got, content(uint64(i), size)) {
				t.Fatalf("an object of %d bytes is read with others", size)
			}
		}
	}
	check(t, a.Sync(ctx))
	if _, err := storage.ReadAll(ctx, b, "packs/2", 4095); err == nil {
		t.Error("ReadAll read more than its limit")
	}
}

func createOnce(t *testing.T, ctx context.Context, a, b storage.Storage) {
	check(t, a.Create(ctx, "log/1", []byte("first")))
	for _, s := range []storage.Storage{a, b} {
		if err := s.Create(ctx, "log/1", []byte("second")); !errors.Is(err, storage.ErrExists) {
			t.Fatalf("creating a name that is taken: %v", err)
		}
	}
	got, err := b.Read(ctx, "log/1", 0, 5)
	check(t, err)
	if string(got) != "first" {
		t.Fatalf("read %q", got)
	}
}

func replace(t *testing.T, ctx context.Context, a, b storage.Storage) {
	check(t, a.Create(ctx, "packs/1", []byte("damaged")))
	check(t, b.Replace(ctx, "packs/1", []byte("whole")))
	check(t, b.Replace(ctx, "packs/2", []byte("lost")))
	for name, want := range map[string]string{"packs/1": "whole", "packs/2": "lost"} {
		got, err := storage.ReadAll(ctx, a, name, 100)
		check(t, err)
		if string(got) != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func ranges(t *testing.T, ctx context.Context, a, _ storage.Storage) {
	data := content(1, 10000)
	check(t, a.Create(ctx, "packs/1", data))
	for _, r := range []struct{ offset, length int64 }{{0, 0}, {0, 1}, {9999, 1}, {10000, 0}, {1, 9998}, {0, 10000}} {
		got, err := a.Read(ctx, "packs/1", r.offset, r.length)
		check(t, err)
		if !bytes.Equal(got, data[r.offset:r.offset+r.length]) {
			t.Errorf("%d bytes at %d differ", r.length, r.offset)
		}
	}
	for _, r := range []struct{ offset, length int64 }{{0, 10001}, {10000, 1}, {20000, 5}} {
		if _, err := a.Read(ctx, "packs/1", r.offset, r.length); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes at %d: %v", r.length, r.offset, err)
		}
	}
	for _, r := range []struct{ offset, length int64 }{{-1, 2}, {0, -1}} {
		if _, err := a.Read(ctx, "packs/1", r.offset, r.length); err == nil {
			t.Errorf("%d bytes at %d were read", r.length, r.offset)
		}
	}
	if _, err := a.Read(ctx, "packs/2", 0, 1); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("reading nothing: %v", err)
	}
	if _, err := a.Size(ctx, "packs/2"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the size of nothing: %v", err)
	}
}

func listed(t *testing.T, ctx context.Context, s storage.Storage, prefix string) map[string]int64 {
	t.Helper()
	got := map[string]int64{}
	check(t, s.List(ctx, prefix, func(name string, size int64) error {
		if _, twice := got[name]; twice {
			t.Errorf("%s is listed twice", name)
		}
		got[name] = size
		return nil
	}))
	return got
}

func list(t *testing.T, ctx context.Context, a, b storage.Storage) {
	want := map[string]int64{}
	for i := range 1100 { // more than a folder is read at a time
		name := fmt.Sprintf("packs/%04x", i)
		check(t, a.Create(ctx, name, content(1, i%7)))
		want[name] = int64(i % 7)
	}
	check(t, a.Create(ctx, "log/1", nil))
	check(t, a.Create(ctx, "config", []byte("c")))
	if got := listed(t, ctx, b, "packs/"); !maps.Equal(got, want) {
		t.Errorf("%d objects are listed, want %d", len(got), len(want))
	}
	if got := listed(t, ctx, b, "packs/00"); len(got) != 256 {
		t.Errorf("%d objects with a prefix, want 256", len(got))
	}
	if got := listed(t, ctx, b, ""); len(got) != len(want)+2 {
		t.Errorf("%d objects in all, want %d", len(got), len(want)+2)
	}
	if got := listed(t, ctx, b, "keys/"); len(got) != 0 {
		t.Errorf("%d keys, want none", len(got))
	}
	stop := errors.New("stop")
	if err := b.List(ctx, "packs/", func(string, int64) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a listing that was stopped: %v", err)
	}
}

func remove(t *testing.T, ctx context.Context, a, b storage.Storage) {
	check(t, a.Create(ctx, "packs/1", []byte("x")))
	check(t, b.Delete(ctx, "packs/1"))
	check(t, b.Delete(ctx, "packs/1"))
	check(t, b.Sync(ctx))
	if _, err := a.Size(ctx, "packs/1"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("what was deleted: %v", err)
	}
}

func createAgain(t *testing.T, ctx context.Context, a, b storage.Storage) {
	check(t, a.Create(ctx, "packs/1", []byte("x")))
	check(t, b.Delete(ctx, "packs/1"))
	check(t, b.Sync(ctx))
	check(t, a.Create(ctx, "packs/1", []byte("y")))
}

func names(t *testing.T, ctx context.Context, a, _ storage.Storage) {
	for _, name := range []string{"", "packs", "packs/", "/packs", "../config", "packs/..", "packs/.a", "packs/a/b", "packs/A", "packs/a b", "packs/a\x00", "config/", "packs\\a"} {
		if err := a.Create(ctx, name, nil); !errors.Is(err, storage.ErrName) {
			t.Errorf("Create(%q): %v", name, err)
		}
		if _, err := a.Read(ctx, name, 0, 0); !errors.Is(err, storage.ErrName) {
			t.Errorf("Read(%q): %v", name, err)
		}
		if err := a.Delete(ctx, name); !errors.Is(err, storage.ErrName) {
			t.Errorf("Delete(%q): %v", name, err)
		}
	}
}

func manyWriters(t *testing.T, ctx context.Context, a, b storage.Storage) {
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			s := []storage.Storage{a, b}[i%2]
			for j := range 20 {
				if err := s.Create(ctx, fmt.Sprintf("packs/%d-%d", i, j), content(uint64(i), 70000)); err != nil {
					t.Error(err)
				}
			}
			if err := s.Sync(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got := listed(t, ctx, a, "packs/"); len(got) != 160 {
		t.Errorf("%d objects, want 160", len(got))
	}
}

func cancelled(t *testing.T, ctx context.Context, a, b storage.Storage) {
	check(t, a.Create(ctx, "packs/1", []byte("x")))
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	for what, err := range map[string]error{
		"Create":  a.Create(ctx, "packs/2", nil),
		"Replace": a.Replace(ctx, "packs/2", nil),
		"Delete":  a.Delete(ctx, "packs/9"),
		"List":    a.List(ctx, "packs/", func(string, int64) error { return nil }),
		"Sync":    a.Sync(ctx),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := b.Read(ctx, "packs/1", 0, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Read: %v", err)
	}
	if _, err := b.Size(ctx, "packs/1"); !errors.Is(err, context.Canceled) {
		t.Errorf("Size: %v", err)
	}
}
