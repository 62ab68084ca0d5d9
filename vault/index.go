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

// packIndex knows the packs and where chunks lie in them.
type packIndex struct {
	mu     sync.Mutex // guards all but lost
	table  index.Table
	packs  []packRecord // a pack's number is its place here plus 1
	byName map[pack.Name]uint32
	heads  map[[keys.SealedSize]byte]uint32 // the place of a session in sealed
	sealed [][keys.SealedSize]byte
	// keepPlaces has add leave the places of chunks that are known already.
	keepPlaces bool
	// lost are packs that the log names and that cannot be read.
	lost []pack.Name
	// there has the packs that the storage lists, with their sizes; nil if nobody
	// asked. Packs that are not there, or are cut off, are left out.
	there map[pack.Name]int64
}

// exists reports whether the storage lists a pack with its right size.
func (x *packIndex) exists(p *index.PackInfo) bool {
	return x.there == nil || x.there[p.Name] == pack.Classes[p.Class].Size()
}

// packRecord is what stays in memory of a pack.
type packRecord struct {
	name    pack.Name
	salt    [32]byte
	epoch   uint32
	session uint32 // the place in sealed
	class   uint8
	root    uint32 // the number of the pack whose index page lists it; 0 for none
	// unlisted is set for a pack that the log leads to in no way.
	unlisted bool
	// doubtful is set for a pack that somebody may be deleting: its chunks can be
	// read, and count as new for writers.
	doubtful bool
}

// writable returns the place of a chunk that a writer may rely on. The caller holds
// the lock.
func (x *packIndex) writable(id pack.ShortID) (index.Place, bool) {
	p, found := x.table.Get(id)
	if found && p.Pack != pendingPack && x.packs[p.Pack-1].doubtful {
		return p, false
	}
	return p, found
}

func newPackIndex() *packIndex {
	return &packIndex{byName: map[pack.Name]uint32{}, heads: map[[keys.SealedSize]byte]uint32{}}
}

// add registers a pack and its chunks.
func (x *packIndex) add(p *index.PackInfo) uint32 {
	x.mu.Lock()
	defer x.mu.Unlock()
	number, known := x.byName[p.Name]
	if !known {
		s, ok := x.heads[p.Head.Sealed]
		if !ok {
			s = uint32(len(x.sealed))
			x.heads[p.Head.Sealed] = s
			x.sealed = append(x.sealed, p.Head.Sealed)
		}
		x.packs = append(x.packs, packRecord{name: p.Name, salt: p.Head.Salt, epoch: p.Head.Epoch, session: s, class: p.Class})
		number = uint32(len(x.packs))
		x.byName[p.Name] = number
	}
	for f := range p.Table {
		for c := range p.Table[f].Chunks {
			if x.keepPlaces {
				if _, known := x.table.Get(p.Table[f].Chunks[c].ID); known {
					continue
				}
			}
			x.table.Set(p.Table[f].Chunks[c].ID, index.Place{Pack: number, Frame: uint16(f), Chunk: uint16(c)})
		}
	}
	return number
}

// record returns the name of a pack and what derives its key.
func (x *packIndex) record(number uint32) (pack.Name, *pack.Head) {
	x.mu.Lock()
	defer x.mu.Unlock()
	r := &x.packs[number-1]
	return r.name, &pack.Head{Epoch: r.epoch, Salt: r.salt, Sealed: x.sealed[r.session]}
}

// find returns the place of a chunk that is in a pack.
func (x *packIndex) find(id pack.ShortID) (index.Place, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	p, ok := x.table.Get(id)
	return p, ok && p.Pack != pendingPack
}

// loadIndex reads the index pages that the log names. Packs that no page lists,
// which unfinished runs left, are read themselves if unlisted is set, or if an
// index page cannot be read.
func (v *Vault) loadIndex(ctx context.Context, unlisted bool) (*packIndex, error) {
	if v.index != nil {
		return v.index, nil
	}
	if v.WriteOnly() {
		v.index = v.writerIndex()
		return v.index, nil
	}
	x := newPackIndex()
	if unlisted {
		// A writer must not rely on packs that the storage has lost.
		there, err := v.listPacks(ctx)
		if err != nil {
			return nil, err
		}
		x.there = there
	}
	x, err := v.readIndex(ctx, x, unlisted)
	if err == nil {
		for name := range v.state.Doubtful {
			if number, known := x.byName[name]; known {
				x.packs[number-1].doubtful = true
			}
		}
		v.index, v.reader = x, nil
	}
	return x, err
}

// indexChunk is about how many bytes of an index page a chunk takes: 20, and its share
// of what the page says of the pack.
const indexChunk = 21

// isLost reports whether an error means that a pack is not there, or cannot be read
// as it was written.
func isLost(err error) bool {
	return errors.Is(err, storage.ErrNotFound) || errors.Is(err, pack.ErrDamaged) || errors.Is(err, pack.ErrFormat)
}

// readIndex does the work of loadIndex.
func (v *Vault) readIndex(ctx context.Context, x *packIndex, unlisted bool) (*packIndex, error) {
	// The tables of the packs tell how long their index pages are, and so about how
	// many chunks these list.
	var infos []*index.PackInfo
	listed := 0
	for _, name := range v.state.Index {
		info, err := v.readTable(ctx, name)
		switch {
		case isLost(err):
			x.lost = append(x.lost, name)
			continue
		case err != nil:
			return nil, err
		}
		infos = append(infos, info)
		for i := range info.Table {
			if info.Table[i].Kind == keys.KindIndex {
				listed += int(info.Table[i].Raw)
			}
		}
	}
	x.table.Reserve(listed / indexChunk)
	for _, info := range infos {
		switch err := v.loadIndexPack(ctx, x, info); {
		case isLost(err):
			x.lost = append(x.lost, info.Name)
		case err != nil:
			return nil, err
		}
	}
	if unlisted || len(x.lost) > 0 {
		if err := v.loadUnlisted(ctx, x); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// loadIndexPack reads the index pages of a pack and registers the packs that they
// list, and the pack itself.
func (v *Vault) loadIndexPack(ctx context.Context, x *packIndex, info *index.PackInfo) error {
	var pages []*index.Page
	o, err := pack.NewOpener(pack.Classes[info.Class], &info.Head, v.sessions.get)
	if err != nil {
		return err
	}
	namers := chunk.NewNamers(v.keys)
	z, err := pack.NewCompressor(pack.LevelFastest)
	if err != nil {
		return err
	}
	for i := range info.Table {
		f := &info.Table[i]
		if f.Kind != keys.KindIndex {
			continue
		}
		stored, err := v.readFrame(ctx, info.Name, o, &info.Head, f)
		if err != nil {
			return err
		}
		raw, err := z.Decompress(f, stored)
		if err != nil {
			return err
		}
		for _, c := range f.Chunks {
			page := raw[:c.Length]
			raw = raw[c.Length:]
			id, err := namers.Name(f.Domain, f.Kind, page)
			if err != nil {
				return err
			}
			if id.Short() != c.ID {
				return fmt.Errorf("%w: an index page has another identifier", pack.ErrFormat)
			}
			p, err := index.ParsePage(page)
			if err != nil {
				return fmt.Errorf("%w: %w", pack.ErrFormat, err)
			}
			pages = append(pages, p)
		}
	}
	root := x.add(info)
	for _, p := range pages {
		for i := range p.Packs {
			if _, swept := v.state.Swept[p.Packs[i].Name]; !swept && x.exists(&p.Packs[i]) {
				number := x.add(&p.Packs[i])
				x.packs[number-1].root = root
			}
		}
	}
	return nil
}

// loadUnlisted registers the packs of the storage that are not registered yet.
// What cannot be read is left out: no snapshot relies on it, or check says so.
func (v *Vault) loadUnlisted(ctx context.Context, x *packIndex) error {
	there, err := v.listPacks(ctx)
	if err != nil {
		return err
	}
	// Readers do not know these packs: what is elsewhere counts as being there.
	x.keepPlaces = true
	defer func() { x.keepPlaces = false }()
	for name := range there {
		_, swept := v.state.Swept[name]
		if _, known := x.byName[name]; known || swept {
			continue
		}
		info, err := v.readTable(ctx, name)
		if err == nil {
			number := x.add(info)
			x.packs[number-1].unlisted = true
		} else if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// listPacks returns the packs that the storage lists, with their sizes.
func (v *Vault) listPacks(ctx context.Context) (map[pack.Name]int64, error) {
	there := map[pack.Name]int64{}
	return there, v.store.List(ctx, "packs/", func(object string, size int64) error {
		if name, err := pack.ParseObject(object); err == nil { // others are not ours
			there[name] = size
		}
		return nil
	})
}

// readTable reads a pack's head and table: from its last segments, or from the
// whole pack if those are damaged.
func (v *Vault) readTable(ctx context.Context, name pack.Name) (*index.PackInfo, error) {
	size, err := v.store.Size(ctx, name.Object())
	if err != nil {
		return nil, err
	}
	class, err := pack.ClassOf(size)
	if err != nil {
		return nil, err
	}
	number := uint8(0)
	for i, c := range pack.Classes {
		if c == class {
			number = uint8(i)
		}
	}
	for count := pack.TailSegments; count <= class.Data; {
		tail, err := v.store.Read(ctx, name.Object(), int64(class.Data-count)*pack.SegmentSize, int64(count)*pack.SegmentSize)
		if err != nil {
			return nil, err
		}
		head, table, need, err := pack.ParseTail(class, tail, v.sessions.get)
		if err == nil && table != nil {
			return &index.PackInfo{Name: name, Class: number, Head: *head, Table: table}, nil
		}
		if err != nil || need <= count {
			break
		}
		count = need
	}
	p, err := v.readPack(ctx, name, nil)
	if err != nil {
		return nil, err
	}
	return &index.PackInfo{Name: name, Class: number, Head: p.Head, Table: p.Table}, nil
}

// readPack reads and opens a whole pack.
func (v *Vault) readPack(ctx context.Context, name pack.Name, known *pack.Head) (*pack.Pack, error) {
	data, err := storage.ReadAll(ctx, v.store, name.Object(), storage.MaxObject)
	if err != nil {
		return nil, err
	}
	return pack.Open(name, data, known, v.sessions.get)
}

// readFrame reads the stored bytes of a frame, from its segments or, if those are
// damaged, from the whole pack.
func (v *Vault) readFrame(ctx context.Context, name pack.Name, o *pack.Opener, head *pack.Head, f *pack.FrameInfo) ([]byte, error) {
	first, count := o.Span(f)
	segments, err := v.store.Read(ctx, name.Object(), int64(first)*pack.SegmentSize, int64(count)*pack.SegmentSize)
	if err == nil {
		var stored []byte
		if stored, err = o.Frame(f, segments); err == nil {
			return stored, nil
		}
	}
	if errors.Is(err, storage.ErrNotFound) || ctx.Err() != nil {
		return nil, err
	}
	p, err := v.readPack(ctx, name, head)
	if err != nil {
		return nil, err
	}
	return p.Stored(f), nil
}
