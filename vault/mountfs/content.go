// SPDX-License-Identifier: AGPL-3.0-or-later

package mountfs

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sort"
	"sync"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// A source reads verified pages and chunks of a vault, and keeps those that were
// used last. It is safe for concurrent use.
type source struct {
	// ctx is that of the mount: a load that several wait for does not end with the
	// request that began it.
	ctx    context.Context
	reader *vault.Reader
	cache  *cache
}

// chunk returns a chunk, which is not to be changed.
func (s *source) chunk(ctx context.Context, kind keys.Kind, id pack.ID) ([]byte, error) {
	what := cachedData
	if kind == keys.KindTree {
		what = cachedTree
	}
	v, err := s.cache.get(ctx, cacheKey{what, id}, func() (any, int, error) {
		b, err := s.reader.Chunk(s.ctx, kind, id)
		b = bytes.Clone(b) // it is a part of a frame, which it would keep in memory
		return b, len(b), err
	})
	if err != nil {
		return nil, err
	}
	return v.([]byte), nil
}

// pageFactor is how much more a page takes decoded than encoded, at most about.
const pageFactor = 6

// page returns a page of a directory, which is not to be changed.
func (s *source) page(ctx context.Context, id pack.ID) (*tree.Page, error) {
	v, err := s.cache.get(ctx, cacheKey{cachedPage, id}, func() (any, int, error) {
		b, err := s.reader.Chunk(s.ctx, keys.KindTree, id)
		if err != nil {
			return nil, 0, err
		}
		p, err := tree.ParsePage(b)
		return p, len(b) * pageFactor, err
	})
	if err != nil {
		return nil, err
	}
	return v.(*tree.Page), nil
}

// find returns the entry of a name in a directory and its leaf, nil if there is no
// such name.
func (s *source) find(ctx context.Context, dir *tree.Entry, name string) (*tree.Entry, *tree.Page, error) {
	root, ok := dir.SubtreeID()
	return tree.Find(root, ok, []byte(name), func(id pack.ID) (*tree.Page, error) { return s.page(ctx, id) })
}

// list returns a reader of the entries of a directory.
func (s *source) list(ctx context.Context, dir *tree.Entry) (*tree.Reader, error) {
	root, ok := dir.SubtreeID()
	return tree.NewReader(root, ok, func(id pack.ID) ([]byte, error) { return s.chunk(ctx, keys.KindTree, id) })
}

// xattr returns the value of an extended attribute.
func (s *source) xattr(ctx context.Context, x *tree.Xattr) ([]byte, error) {
	value := slices.Clip(x.Value)
	for _, id := range x.Content {
		b, err := s.chunk(ctx, keys.KindData, id)
		if err != nil {
			return nil, err
		}
		value = append(value, b...)
	}
	return value, nil
}

// A part is a run of chunks of a file: those of a list, or all of a small file.
type part struct {
	ids []pack.ID
	// ends are where the chunks end, counted from the beginning of the part.
	ends []uint64
}

func (p *part) length() uint64 {
	if len(p.ends) == 0 {
		return 0
	}
	return p.ends[len(p.ends)-1]
}

// measure finds how long chunks are.
func (s *source) measure(ids []pack.ID) (*part, error) {
	p := &part{ids: ids, ends: make([]uint64, len(ids))}
	at := uint64(0)
	for i, id := range ids {
		where, err := s.reader.Locate(id)
		if err != nil {
			return nil, err
		}
		n, err := s.reader.Length(s.ctx, where)
		if err != nil {
			return nil, err
		}
		at += uint64(n)
		p.ends[i] = at
	}
	return p, nil
}

// A content is a file that is read at any offset. It is safe for concurrent use.
type content struct {
	source  *source
	entry   *tree.Entry
	extents []tree.Extent // none if the file has no holes
	rows    []uint64      // where each extent begins in the row of chunks
	length  uint64        // of that row

	mu     sync.Mutex
	small  *part    // of a file without lists; guarded by mu
	starts []uint64 // where the parts that were measured begin, and the end of the last; guarded by mu
}

// open returns the content of a file.
func (s *source) open(ctx context.Context, e *tree.Entry) (*content, error) {
	c := &content{source: s, entry: e, length: e.Size, starts: []uint64{0}}
	var err error
	if c.extents, err = s.reader.Extents(ctx, e); err != nil {
		return nil, err
	}
	if len(c.extents) > 0 {
		c.length = 0
	}
	for _, x := range c.extents {
		c.rows = append(c.rows, c.length)
		c.length += x.Length
	}
	return c, nil
}

// parts returns how many parts the chunks are in.
func (c *content) parts() int { return max(len(c.entry.ContentLists), 1) }

// part returns a part.
func (c *content) part(ctx context.Context, i int) (*part, error) {
	if len(c.entry.ContentLists) == 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		var err error
		if c.small == nil {
			c.small, err = c.source.measure(c.entry.Content)
		}
		return c.small, err
	}
	id := c.entry.ContentLists[i]
	v, err := c.source.cache.get(ctx, cacheKey{cachedPart, id}, func() (any, int, error) {
		b, err := c.source.reader.Chunk(c.source.ctx, keys.KindTree, id)
		if err != nil {
			return nil, 0, err
		}
		l, err := tree.ParseList(b)
		if err != nil {
			return nil, 0, err
		}
		p, err := c.source.measure(l.Content)
		return p, len(l.Content) * (len(pack.ID{}) + 8), err
	})
	if err != nil {
		return nil, err
	}
	return v.(*part), nil
}

// locate returns the part that has an offset of the row, and where it begins. It
// measures the parts before, once.
func (c *content) locate(ctx context.Context, at uint64) (*part, uint64, error) {
	for {
		c.mu.Lock()
		known := len(c.starts) - 1
		i := sort.Search(known, func(i int) bool { return c.starts[i+1] > at })
		start := c.starts[i]
		c.mu.Unlock()
		if i == c.parts() {
			return nil, 0, fmt.Errorf("%w: %q is too short", vault.ErrDamaged, c.entry.Name)
		}
		p, err := c.part(ctx, i)
		if err != nil {
			return nil, 0, err
		}
		if i < known {
			return p, start, nil
		}
		c.mu.Lock()
		if len(c.starts)-1 == i { // nobody else has measured it meanwhile
			c.starts = append(c.starts, start+p.length())
		}
		c.mu.Unlock()
		if end := start + p.length(); end > c.length || i == c.parts()-1 && end != c.length {
			return nil, 0, fmt.Errorf("%w: the chunks of %q have another length than it", vault.ErrDamaged, c.entry.Name)
		}
	}
}

// readAt reads from an offset on, until dest is full or the file ends.
func (c *content) readAt(ctx context.Context, dest []byte, offset uint64) (int, error) {
	if offset >= c.entry.Size {
		return 0, nil
	}
	dest = dest[:min(uint64(len(dest)), c.entry.Size-offset)]
	if len(c.extents) == 0 {
		return len(dest), c.readRow(ctx, dest, offset)
	}
	clear(dest)
	end := offset + uint64(len(dest))
	for i := c.extentAt(offset); i < len(c.extents) && c.extents[i].Offset < end; i++ {
		x := c.extents[i]
		from, to := max(x.Offset, offset), min(x.Offset+x.Length, end)
		if err := c.readRow(ctx, dest[from-offset:to-offset], c.rows[i]+from-x.Offset); err != nil {
			return 0, err
		}
	}
	return len(dest), nil
}

// extentAt returns the number of the first extent that ends behind an offset.
func (c *content) extentAt(offset uint64) int {
	return sort.Search(len(c.extents), func(i int) bool { return c.extents[i].Offset+c.extents[i].Length > offset })
}

// readRow fills dest from the row of chunks.
func (c *content) readRow(ctx context.Context, dest []byte, at uint64) error {
	for len(dest) > 0 {
		p, start, err := c.locate(ctx, at)
		if err != nil {
			return err
		}
		i := sort.Search(len(p.ends), func(i int) bool { return p.ends[i] > at-start })
		begin := start
		if i > 0 {
			begin += p.ends[i-1]
		}
		b, err := c.source.chunk(ctx, keys.KindData, p.ids[i])
		if err != nil {
			return err
		}
		if uint64(len(b)) != start+p.ends[i]-begin {
			return fmt.Errorf("%w: a chunk of %q has another length", vault.ErrDamaged, c.entry.Name)
		}
		n := copy(dest, b[at-begin:])
		dest, at = dest[n:], at+uint64(n)
	}
	return nil
}

// seek returns the first offset from the given one on that has data, or that is in
// a hole; false if there is none. The end of a file counts as a hole.
func (c *content) seek(offset uint64, hole bool) (uint64, bool) {
	if offset >= c.entry.Size {
		return 0, false
	}
	if len(c.extents) == 0 {
		if hole {
			return c.entry.Size, true
		}
		return offset, true
	}
	i := c.extentAt(offset)
	switch {
	case hole && i < len(c.extents) && c.extents[i].Offset <= offset:
		return c.extents[i].Offset + c.extents[i].Length, true
	case hole:
		return offset, true
	case i == len(c.extents), c.extents[i].Length == 0: // the rest is a hole
		return 0, false
	}
	return max(offset, c.extents[i].Offset), true
}

// allocated returns how many bytes of a file are no holes.
func (s *source) allocated(ctx context.Context, e *tree.Entry) (uint64, error) {
	if len(e.Extents) == 0 && len(e.ExtentLists) == 0 {
		return e.Size, nil
	}
	extents, err := s.reader.Extents(ctx, e)
	n := uint64(0)
	for _, x := range extents {
		n += x.Length
	}
	return n, err
}
