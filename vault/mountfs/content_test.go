// SPDX-License-Identifier: AGPL-3.0-or-later

package mountfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/securecrypt/securecrypt/vault/browse"
	"github.com/securecrypt/securecrypt/vault/internal/vaulttest"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/restore"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// newSource backs a directory up and returns a source with a cache of a size, and
// the entry of the directory.
func newSource(t *testing.T, dir string, limit int) (*source, *tree.Entry) {
	store, p := storagetest.NewMemory(), vaulttest.NewPerson(t)
	v := p.Create(t, store)
	vaulttest.Backup(t, v, dir)
	v = p.Open(t, store)
	r, err := v.Reader(t.Context())
	vaulttest.Must(t, err)
	s, err := v.Snapshot("latest")
	vaulttest.Must(t, err)
	e, err := restore.Find(t.Context(), r, s, dir)
	vaulttest.Must(t, err)
	return &source{t.Context(), r, newCache(limit)}, e
}

// TestReadAtAnyOffset reads parts of files in random order, from several goroutines,
// and with a cache that holds less than a file.
func TestReadAtAnyOffset(t *testing.T) {
	dir := t.TempDir()
	sizes := map[string]int{"empty": 0, "one byte": 1, "two chunks": 1 << 20, "lists": 30 << 20}
	for name, size := range sizes {
		vaulttest.Write(t, filepath.Join(dir, name), vaulttest.Random(uint64(size), size))
	}
	f, err := os.Create(filepath.Join(dir, "holes"))
	vaulttest.Must(t, err)
	vaulttest.Must(t, f.Truncate(5<<20))
	for at := int64(1 << 20); at < 4<<20; at += 1 << 20 {
		_, err := f.WriteAt(vaulttest.Random(uint64(at), 300_000), at)
		vaulttest.Must(t, err)
	}
	vaulttest.Must(t, f.Close())
	sizes["holes"] = 5 << 20
	for _, limit := range []int{2 << 20, 64 << 20} {
		s, root := newSource(t, dir, limit)
		for name := range sizes {
			t.Run(fmt.Sprintf("%s, cache of %d", name, limit), func(t *testing.T) { readRandomly(t, s, root, filepath.Join(dir, name)) })
		}
		if s.cache.used > limit {
			t.Errorf("a cache of %d bytes holds %d", limit, s.cache.used)
		}
	}
}

func readRandomly(t *testing.T, s *source, root *tree.Entry, path string) {
	want, err := os.ReadFile(path)
	vaulttest.Must(t, err)
	e, _, err := s.find(t.Context(), root, filepath.Base(path))
	vaulttest.Must(t, err)
	if filepath.Base(path) == "lists" && len(e.ContentLists) == 0 {
		t.Fatal("the file has no lists: it is too small for this test")
	}
	c, err := s.open(t.Context(), e)
	vaulttest.Must(t, err)
	var wait sync.WaitGroup
	for seed := range uint64(4) {
		wait.Go(func() {
			random := rand.New(rand.NewPCG(seed, 1))
			for range 40 {
				at := random.IntN(len(want) + 2)
				b := make([]byte, random.IntN(400_000))
				n, err := c.readAt(t.Context(), b, uint64(at))
				rest := want[min(at, len(want)):]
				if wanted := rest[:min(len(b), len(rest))]; err != nil || !bytes.Equal(b[:n], wanted) {
					t.Errorf("%d bytes from %d on: %d other bytes, %v", len(b), at, n, err)
				}
			}
		})
	}
	wait.Wait()
	var whole bytes.Buffer
	vaulttest.Must(t, browse.Cat(t.Context(), s.reader, e, &whole))
	if !bytes.Equal(whole.Bytes(), want) {
		t.Error("the whole file differs")
	}
}

// TestSeekFindsHoles looks for data and holes in all kinds of files.
func TestSeekFindsHoles(t *testing.T) {
	none := -1
	for name, c := range map[string]struct {
		e          tree.Entry
		at         uint64
		data, hole int
	}{
		"no holes":             {tree.Entry{Size: 10}, 4, 4, 10},
		"behind the end":       {tree.Entry{Size: 10}, 10, none, none},
		"before the data":      {tree.Entry{Size: 10, Extents: []tree.Extent{{Offset: 3, Length: 2}}}, 1, 3, 1},
		"in the data":          {tree.Entry{Size: 10, Extents: []tree.Extent{{Offset: 3, Length: 2}}}, 4, 4, 5},
		"behind the data":      {tree.Entry{Size: 10, Extents: []tree.Extent{{Offset: 3, Length: 2}}}, 5, none, 5},
		"data to the end":      {tree.Entry{Size: 10, Extents: []tree.Extent{{Offset: 3, Length: 7}}}, 9, 9, 10},
		"nothing but a hole":   {tree.Entry{Size: 10, Extents: []tree.Extent{{Offset: 10}}}, 2, none, 2},
		"between pieces":       {tree.Entry{Size: 10, Extents: []tree.Extent{{Length: 2}, {Offset: 6, Length: 1}}}, 2, 6, 2},
		"in the second piece":  {tree.Entry{Size: 10, Extents: []tree.Extent{{Length: 2}, {Offset: 6, Length: 1}}}, 6, 6, 7},
		"in an empty file":     {tree.Entry{}, 0, none, none},
		"far behind an extent": {tree.Entry{Size: 10, Extents: []tree.Extent{{Length: 2}}}, 9, none, 9},
	} {
		content := &content{entry: &c.e, extents: c.e.Extents}
		for hole, want := range map[bool]int{false: c.data, true: c.hole} {
			got, ok := content.seek(c.at, hole)
			if ok != (want != none) || ok && got != uint64(want) {
				t.Errorf("%s, hole %v: %d, %v; want %d", name, hole, got, ok, want)
			}
		}
	}
}

// TestCacheLoadsOnce has many wait for a value that one loads, one give up, and an
// error be forgotten.
func TestCacheLoadsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, release, loads := newCache(100), make(chan struct{}), 0
		key := cacheKey{cachedData, pack.ID{1}}
		load := func() (any, int, error) {
			loads++
			<-release
			return "value", 10, nil
		}
		results := make(chan any, 5)
		for range 5 {
			go func() {
				v, err := c.get(context.Background(), key, load)
				if err != nil {
					v = err
				}
				results <- v
			}()
		}
		synctest.Wait()
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.get(gone, key, load); !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up got %v", err)
		}
		close(release)
		for range 5 {
			if v := <-results; v != "value" {
				t.Errorf("got %v", v)
			}
		}
		if loads != 1 {
			t.Errorf("loaded %d times", loads)
		}
		broken := errors.New("broken")
		other := cacheKey{cachedData, pack.ID{2}}
		if _, err := c.get(t.Context(), other, func() (any, int, error) { return nil, 0, broken }); !errors.Is(err, broken) {
			t.Errorf("an error became %v", err)
		}
		if v, err := c.get(t.Context(), other, func() (any, int, error) { return "again", 10, nil }); err != nil || v != "again" {
			t.Errorf("after an error: %v, %v", v, err)
		}
	})
}

// TestCacheDropsTheOldest fills a cache beyond its limit.
func TestCacheDropsTheOldest(t *testing.T) {
	c := newCache(100)
	get := func(id byte, size int) (loaded bool) {
		_, err := c.get(t.Context(), cacheKey{cachedData, pack.ID{id}}, func() (any, int, error) {
			loaded = true
			return id, size, nil
		})
		vaulttest.Must(t, err)
		return loaded
	}
	get(1, 40)
	get(2, 40)
	get(1, 40) // used again
	get(3, 40) // the second goes
	if get(1, 40) || get(3, 40) || !get(2, 40) || c.used > 100 {
		t.Errorf("the cache has %v, %d bytes", c.values, c.used)
	}
	for range 2 {
		if !get(4, 101) || c.used > 100 {
			t.Error("a value that is larger than the cache was kept")
		}
	}
}
