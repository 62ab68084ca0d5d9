// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"bytes"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/logtest"
)

// naiveRoot hashes leaves as RFC 6962, Section 2.1 defines it.
func naiveRoot(leaves [][]byte) keytrans.Hash {
	switch len(leaves) {
	case 0:
		return new(keytrans.Frontier).Root()
	case 1:
		return keytrans.Hash(tlog.RecordHash(leaves[0]))
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	return keytrans.Hash(tlog.NodeHash(tlog.Hash(naiveRoot(leaves[:k])), tlog.Hash(naiveRoot(leaves[k:]))))
}

// TestFrontiers compares frontiers, also after they were stored, with the definition of the tree
// and with the log of package logtest.
func TestFrontiers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, f := logtest.New("example.org/log"), new(keytrans.Frontier)
		for i := range rapid.IntRange(0, 40).Draw(t, "leaves") {
			leaf := keytrans.Release{Version: fmt.Sprint(i)}.Marshal()
			l.AppendRaw(leaf)
			before, clone := f.Root(), f.Clone()
			f.Append(recordHash(leaf))
			if clone.Root() != before {
				t.Fatal("a clone grew")
			}
		}
		if f.Root() != naiveRoot(l.Leaves) || f.Root() != l.Checkpoint(f.Size()).Hash {
			t.Fatal("the roots differ")
		}
		again, err := keytrans.ParseFrontier(f.Marshal())
		if err != nil || again.Root() != f.Root() || again.Size() != f.Size() {
			t.Fatalf("after it was stored: %v", err)
		}
	})
}

// tiles serves the tiles of a log by their paths, as a server does.
type tiles struct {
	t     *testing.T
	files map[string][]byte
}

func (s tiles) Height() int { return keytrans.TileHeight }

func (s tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(wanted))
	for i, tile := range wanted {
		path := keytrans.TilePath(tile)
		parsed, err := keytrans.ParseTilePath(path)
		ok(s.t, err)
		if parsed != tile {
			s.t.Errorf("%s is %v, not %v", path, parsed, tile)
		}
		b, there := s.files[path]
		if !there {
			return nil, fmt.Errorf("there is no %s", path)
		}
		data[i] = b
	}
	return data, nil
}

func (s tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// TestTiles publishes a log as tiles and bundles, and has the client of package tlog prove
// with them.
func TestTiles(t *testing.T) {
	l := logtest.New("example.org/log")
	const size = 600 // two full tiles, a partial one, and a level above
	for i := range size {
		l.Append(keytrans.Release{Version: fmt.Sprint(i)})
	}
	served := tiles{t, make(map[string][]byte)}
	for _, tile := range tlog.NewTiles(keytrans.TileHeight, 0, size) {
		data, err := tlog.ReadTileData(tile, l.Hashes())
		ok(t, err)
		served.files[keytrans.TilePath(tile)] = data
		if tile.L == 0 {
			var bundle []byte
			for i := range int64(tile.W) {
				bundle, err = keytrans.AppendBundle(bundle, l.Leaves[tile.N*keytrans.TileWidth+i])
				ok(t, err)
			}
			tile.L = -1
			served.files[keytrans.TilePath(tile)] = bundle
		}
	}
	for _, path := range []string{"tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/001", "tile/entries/002.p/88"} {
		if served.files[path] == nil {
			t.Errorf("there is no %s", path)
		}
	}
	c := l.Checkpoint(size)
	reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: tlog.Hash(c.Hash)}, served)
	for _, index := range []int64{0, 255, 256, 599} {
		proof, err := tlog.ProveRecord(size, index, reader)
		ok(t, err)
		bundle, err := keytrans.ParseBundle(served.files[keytrans.TilePath(tlog.Tile{H: 8, L: -1, N: index / 256, W: min(256, size-int(index)/256*256)})])
		ok(t, err)
		leaf := bundle[index%256]
		if !bytes.Equal(leaf, l.Leaves[index]) {
			t.Errorf("the bundle has another leaf %d", index)
		}
		ok(t, tlog.CheckRecord(proof, size, tlog.Hash(c.Hash), index, tlog.RecordHash(leaf)))
	}
	if keytrans.TilePath(tlog.Tile{H: 8, L: 3, N: 1234067, W: 256}) != "tile/3/x001/x234/067" {
		t.Error("the path of the specification's example is another")
	}
}
