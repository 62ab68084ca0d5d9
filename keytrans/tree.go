// SPDX-License-Identifier: Apache-2.0

package keytrans

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/securecrypt/securecrypt/keytrans/internal/cbor"
)

// A Frontier is the right edge of a log's tree (RFC 6962, Section 2.1): what is needed to
// append leaves and to compute the root hash. The zero value is the empty tree.
type Frontier struct {
	size   int64
	hashes []tlog.Hash // of the complete subtrees from left to right, one for each bit of size
}

// Append adds the hash of a leaf (tlog.RecordHash).
func (f *Frontier) Append(leaf tlog.Hash) {
	f.hashes = append(f.hashes, leaf)
	f.size++
	for n := f.size; n&1 == 0; n >>= 1 {
		last := len(f.hashes) - 1
		f.hashes[last-1] = tlog.NodeHash(f.hashes[last-1], f.hashes[last])
		f.hashes = f.hashes[:last]
	}
}

// Size returns the number of leaves.
func (f *Frontier) Size() int64 { return f.size }

// Root returns the root hash.
func (f *Frontier) Root() Hash {
	if f.size == 0 {
		return sha256.Sum256(nil)
	}
	h := f.hashes[len(f.hashes)-1]
	for i := len(f.hashes) - 2; i >= 0; i-- {
		h = tlog.NodeHash(f.hashes[i], h)
	}
	return Hash(h)
}

// Clone returns a copy that grows on its own.
func (f *Frontier) Clone() *Frontier {
	return &Frontier{f.size, append([]tlog.Hash(nil), f.hashes...)}
}

// Marshal returns the deterministic encoding: the size and the hashes.
func (f *Frontier) Marshal() []byte {
	w := cbor.NewWriter(16 + len(f.hashes)*tlog.HashSize)
	f.write(w)
	return w.Result()
}

func (f *Frontier) write(w *cbor.Writer) {
	w.Array(2)
	w.Uint(uint64(f.size))
	writeHashes(w, f.hashes)
}

// ParseFrontier decodes a Frontier.
func ParseFrontier(b []byte) (*Frontier, error) {
	r := cbor.NewReader(b)
	f := new(Frontier)
	r.Array(2)
	f.size = int64(r.Uint(1<<62 - 1))
	f.hashes = readHashes(r)
	want := 0
	for n := f.size; n > 0; n &= n - 1 {
		want++
	}
	if len(f.hashes) != want {
		r.Fail()
	}
	if err := r.Done(); err != nil {
		return nil, err
	}
	return f, nil
}

// TileHeight is the height of tiles (c2sp.org/tlog-tiles): a full one has 256 hashes.
const TileHeight = 8

// maxTileLevel is the highest level of a tile.
const maxTileLevel = 63

// TileWidth is the number of hashes in a full tile and of leaves in a full bundle.
const TileWidth = 1 << TileHeight

// TilePath returns the path of a tile below a log's prefix, "tile/…", or that of an entry
// bundle, "tile/entries/…", if the tile's level is -1. The tile must have the height
// TileHeight.
func TilePath(t tlog.Tile) string {
	path := strings.TrimPrefix(t.Path(), "tile/8/")
	if rest, ok := strings.CutPrefix(path, "data/"); ok {
		path = "entries/" + rest
	}
	return "tile/" + path
}

// ParseTilePath is the inverse of TilePath. It refuses paths that TilePath does not
// return.
func ParseTilePath(path string) (tlog.Tile, error) {
	rest, ok := strings.CutPrefix(path, "tile/")
	if after, bundle := strings.CutPrefix(rest, "entries/"); bundle {
		rest = "data/" + after
	} else if strings.HasPrefix(rest, "data/") {
		ok = false
	}
	t, err := tlog.ParseTilePath("tile/8/" + rest)
	if !ok || err != nil || t.L > maxTileLevel || TilePath(t) != path {
		return tlog.Tile{}, fmt.Errorf("%w: path of a tile", cbor.ErrMalformed)
	}
	return t, nil
}

// AppendBundle appends a leaf's encoding, of at most MaxLeaf bytes, to an entry bundle
// (c2sp.org/tlog-tiles, Log entries).
func AppendBundle(b, leaf []byte) ([]byte, error) {
	if len(leaf) > MaxLeaf {
		return nil, errors.New("keytrans: a leaf is too long for an entry bundle")
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(len(leaf))), leaf...), nil
}

// ParseBundle returns the encodings of the leaves in an entry bundle, at most TileWidth.
// They alias b.
func ParseBundle(b []byte) ([][]byte, error) {
	var leaves [][]byte
	for len(b) > 0 {
		if len(b) < 2 || len(leaves) == TileWidth {
			return nil, fmt.Errorf("%w: entry bundle", cbor.ErrMalformed)
		}
		n := int(binary.BigEndian.Uint16(b))
		if len(b)-2 < n {
			return nil, fmt.Errorf("%w: entry bundle", cbor.ErrMalformed)
		}
		leaves = append(leaves, b[2:2+n:2+n])
		b = b[2+n:]
	}
	return leaves, nil
}
