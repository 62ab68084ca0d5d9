// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/securecrypt/securecrypt/vault/chunk"
	"github.com/securecrypt/securecrypt/vault/index"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/storage"
)

// What a Reader keeps.
const (
	cachedFrames = 24 // of at most 1 MiB each
	cachedTables = 64
)

// A Reader returns chunks by their identifiers, verified. It is safe for
// concurrent use.
type Reader struct {
	v     *Vault
	index *packIndex
	tools sync.Pool

	mu     sync.Mutex
	frames cache[frameKey, []byte]      // guarded by mu
	tables cache[uint32, *packContents] // guarded by mu
}

type frameKey struct {
	pack  uint32
	frame uint16
}

// packContents is what reading from a pack needs.
type packContents struct {
	name   pack.Name
	head   *pack.Head
	opener *pack.Opener
	table  pack.Table
}

// readTools are what one goroutine reads with.
type readTools struct {
	compressor *pack.Compressor
	namers     *chunk.Namers
}

// Reader returns a Reader of what the log has now.
func (v *Vault) Reader(ctx context.Context) (*Reader, error) {
	x, err := v.loadIndex(ctx, false)
	if err != nil {
		return nil, err
	}
	if v.reader == nil {
		v.reader = newReader(v, x)
	}
	return v.reader, nil
}

func newReader(v *Vault, x *packIndex) *Reader {
	return &Reader{v: v, index: x, frames: newCache[frameKey, []byte](cachedFrames), tables: newCache[uint32, *packContents](cachedTables)}
}

func (r *Reader) take() (*readTools, error) {
	if t, ok := r.tools.Get().(*readTools); ok {
		return t, nil
	}
	z, err := pack.NewCompressor(pack.LevelFastest)
	if err != nil {
		return nil, err
	}
	return &readTools{z, chunk.NewNamers(r.v.keys)}, nil
}

// Chunk returns the chunk of a kind. The error is ErrMissing if no pack has it and
// ErrDamaged if it cannot be rebuilt. The result is not to be changed.
func (r *Reader) Chunk(ctx context.Context, kind keys.Kind, id pack.ID) ([]byte, error) {
	place, ok := r.index.find(id.Short())
	if !ok {
		return nil, fmt.Errorf("%w: chunk %x", ErrMissing, id[:8])
	}
	t, err := r.take()
	if err != nil {
		return nil, err
	}
	defer r.tools.Put(t)
	c, err := r.contents(ctx, place.Pack)
	if err != nil {
		return nil, r.failure(err, place.Pack)
	}
	if int(place.Frame) >= len(c.table) {
		return nil, fmt.Errorf("%w: pack %v has no frame %d", ErrDamaged, c.name, place.Frame)
	}
	f := &c.table[place.Frame]
	raw, err := r.frame(ctx, t, c, place)
	if err != nil {
		return nil, r.failure(err, place.Pack)
	}
	b, err := piece(f, raw, place.Chunk)
	if err != nil {
		return nil, err
	}
	named, err := t.namers.Name(f.Domain, kind, b)
	if err != nil {
		return nil, err
	}
	if named != id {
		return nil, fmt.Errorf("%w: chunk %x has another content", ErrDamaged, id[:8])
	}
	return b, nil
}

// piece returns one chunk of a frame.
func piece(f *pack.FrameInfo, raw []byte, number uint16) ([]byte, error) {
	if int(number) >= len(f.Chunks) {
		return nil, fmt.Errorf("%w: a frame has no chunk %d", ErrDamaged, number)
	}
	start := uint32(0)
	for _, c := range f.Chunks[:number] {
		start += c.Length
	}
	return raw[start : start+f.Chunks[number].Length], nil
}

// failure tells what the failure to read a pack means.
func (r *Reader) failure(err error, number uint32) error {
	name, _ := r.index.record(number)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return fmt.Errorf("%w: pack %v", ErrMissing, name)
	case errors.Is(err, pack.ErrDamaged), errors.Is(err, pack.ErrFormat):
		return fmt.Errorf("%w: pack %v: %w", ErrDamaged, name, err)
	}
	return err
}

func (r *Reader) contents(ctx context.Context, number uint32) (*packContents, error) {
	r.mu.Lock()
	c, ok := r.tables.get(number)
	r.mu.Unlock()
	if ok {
		return c, nil
	}
	name, head := r.index.record(number)
	info, err := r.v.readTable(ctx, name)
	if err != nil {
		return nil, err
	}
	c = &packContents{name: name, head: head, table: info.Table}
	if c.opener, err = pack.NewOpener(pack.Classes[info.Class], c.head, r.v.sessions.get); err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.tables.put(number, c)
	r.mu.Unlock()
	return c, nil
}

func (r *Reader) frame(ctx context.Context, t *readTools, c *packContents, place index.Place) ([]byte, error) {
	key := frameKey{place.Pack, place.Frame}
	r.mu.Lock()
	raw, ok := r.frames.get(key)
	r.mu.Unlock()
	if ok {
		return raw, nil
	}
	f := &c.table[place.Frame]
	stored, err := r.v.readFrame(ctx, c.name, c.opener, c.head, f)
	if err != nil {
		return nil, err
	}
	if raw, err = t.compressor.Decompress(f, stored); err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.frames.put(key, raw)
	r.mu.Unlock()
	return raw, nil
}

// Location tells where a chunk lies: the number of a pack and a position that
// grows within it. Reading in this order reads each pack once.
type Location struct {
	Pack     uint32
	Position uint32
}

// Locate returns where a chunk lies, ErrMissing if no pack has it.
func (r *Reader) Locate(id pack.ID) (Location, error) {
	p, ok := r.index.find(id.Short())
	if !ok {
		return Location{}, fmt.Errorf("%w: chunk %x", ErrMissing, id[:8])
	}
	return Location{p.Pack, uint32(p.Frame)<<16 | uint32(p.Chunk)}, nil
}

// Length returns the length of the chunk at a location, in bytes.
func (r *Reader) Length(ctx context.Context, l Location) (uint32, error) {
	c, err := r.contents(ctx, l.Pack)
	if err != nil {
		return 0, r.failure(err, l.Pack)
	}
	frame, number := int(l.Position>>16), int(l.Position&0xffff)
	if frame >= len(c.table) || number >= len(c.table[frame].Chunks) {
		return 0, fmt.Errorf("%w: pack %v has no such chunk", ErrDamaged, c.name)
	}
	return c.table[frame].Chunks[number].Length, nil
}

// Wanted is a chunk that ReadPack is to return, at its position.
type Wanted struct {
	ID       pack.ID
	Position uint32
}

// ReadPack reads the wanted chunks of a pack, which are in the order of their
// positions, and calls each with their numbers and bytes. It reads the whole pack
// at once if much of it is wanted. each is also called for chunks that cannot be
// read, with the error.
func (r *Reader) ReadPack(ctx context.Context, number uint32, wanted []Wanted, each func(i int, b []byte, err error) error) error {
	t, err := r.take()
	if err != nil {
		return err
	}
	defer r.tools.Put(t)
	p, err := r.wholePack(ctx, number)
	if err != nil {
		err = r.failure(err, number)
		for i := range wanted {
			if err := each(i, nil, err); err != nil {
				return err
			}
		}
		return ctx.Err()
	}
	var raw []byte
	frame, start, at := -1, uint32(0), 0
	for i, w := range wanted {
		var b []byte
		var err error
		if n := int(w.Position >> 16); n != frame {
			frame, start, at = n, 0, 0
			if n >= len(p.Table) {
				err = fmt.Errorf("%w: a pack has no frame %d", ErrDamaged, n)
				frame = -1
			} else if raw, err = t.compressor.Decompress(&p.Table[n], p.Stored(&p.Table[n])); err != nil {
				err, frame = fmt.Errorf("%w: %w", ErrDamaged, err), -1
			}
		}
		if err == nil {
			chunks := p.Table[frame].Chunks
			for ; at < int(w.Position&0xffff) && at < len(chunks); at++ {
				start += chunks[at].Length
			}
			if at < len(chunks) {
				b = raw[start : start+chunks[at].Length]
			}
			var named pack.ID
			if named, err = t.namers.Name(p.Table[frame].Domain, p.Table[frame].Kind, b); err == nil && named != w.ID {
				b, err = nil, fmt.Errorf("%w: chunk %x has another content", ErrDamaged, w.ID[:8])
			}
		}
		if err := each(i, b, err); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) wholePack(ctx context.Context, number uint32) (*pack.Pack, error) {
	name, head := r.index.record(number)
	return r.v.readPack(ctx, name, head)
}
