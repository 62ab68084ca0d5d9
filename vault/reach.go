// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"context"
	"fmt"

	"github.com/securecrypt/securecrypt/vault/index"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// reach visits everything that snapshots need, each chunk once.
type reach struct {
	ctx    context.Context
	reader *Reader
	seen   index.Table // chunks that were visited, with their places
	live   map[uint32]uint64
	chunks uint64
	// failed is called for data that cannot be read, with the path that needs it.
	// If it returns an error, the visit ends.
	failed func(s *oplog.Snapshot, path string, err error) error
	// visit is called for each chunk that is in the index, if it is not nil.
	visit func(s *oplog.Snapshot, path string, kind keys.Kind, id pack.ID)
}

func newReach(ctx context.Context, r *Reader) *reach {
	return &reach{ctx: ctx, reader: r, live: map[uint32]uint64{}, failed: func(_ *oplog.Snapshot, path string, err error) error { return fmt.Errorf("%q: %w", path, err) }}
}

// snapshot visits what a snapshot needs.
func (r *reach) snapshot(s *oplog.Snapshot) error {
	root, ok := Root(s)
	if !ok {
		return nil
	}
	return r.page(s, "/", root)
}

// chunk notes a chunk and reports whether it was met for the first time and is
// there.
func (r *reach) chunk(s *oplog.Snapshot, path string, kind keys.Kind, id pack.ID) (first bool, err error) {
	if err := r.ctx.Err(); err != nil {
		return false, err
	}
	if _, seen := r.seen.Get(id.Short()); seen {
		return false, nil
	}
	place, ok := r.reader.index.find(id.Short())
	if !ok {
		return false, r.failed(s, path, fmt.Errorf("%w: chunk %x", ErrMissing, id[:8]))
	}
	r.seen.Set(id.Short(), place)
	r.live[place.Pack]++
	r.chunks++
	if r.visit != nil {
		r.visit(s, path, kind, id)
	}
	return true, nil
}

// page visits a tree page and everything below it.
func (r *reach) page(s *oplog.Snapshot, path string, id pack.ID) error {
	first, err := r.chunk(s, path, keys.KindTree, id)
	if err != nil || !first {
		return err
	}
	b, err := r.reader.Chunk(r.ctx, keys.KindTree, id)
	if err != nil {
		return r.failed(s, path, err)
	}
	p, err := tree.ParsePage(b)
	if err != nil {
		return r.failed(s, path, err)
	}
	for i := range p.Children {
		if err := r.page(s, path, p.Children[i].Page); err != nil {
			return err
		}
	}
	for i := range p.Entries {
		if err := r.entry(s, path+string(p.Entries[i].Name), &p.Entries[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *reach) entry(s *oplog.Snapshot, path string, e *tree.Entry) error {
	data := e.Content
	for _, lists := range [][]pack.ID{e.ContentLists, e.ExtentLists} {
		for _, id := range lists {
			first, err := r.chunk(s, path, keys.KindTree, id)
			if err != nil {
				return err
			}
			if !first {
				continue
			}
			l, err := r.reader.list(r.ctx, id)
			if err != nil {
				if err := r.failed(s, path, err); err != nil {
					return err
				}
				continue
			}
			data = append(data[:len(data):len(data)], l.Content...)
		}
	}
	for i := range e.Xattrs {
		data = append(data[:len(data):len(data)], e.Xattrs[i].Content...)
	}
	for _, id := range data {
		if _, err := r.chunk(s, path, keys.KindData, id); err != nil {
			return err
		}
	}
	if root, ok := e.SubtreeID(); ok {
		return r.page(s, path+"/", root)
	}
	return nil
}
