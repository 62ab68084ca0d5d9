// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcopy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/chunk"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// copier copies one snapshot, in one goroutine.
type copier struct {
	ctx      context.Context
	options  *Options
	progress *Progress
	from, to *vault.Reader
	writer   *vault.Writer
	worker   *vault.Worker
	cutter   *chunk.Cutter
	pageKey  [32]byte
}

// root is the root page of a directory; some is false if it has no entries.
type root struct {
	id   pack.ID
	some bool
}

func rootOf(s *oplog.Snapshot) root {
	id, ok := vault.Root(s)
	return root{id, ok}
}

func subtree(e *tree.Entry) root {
	id, ok := e.SubtreeID()
	return root{id, ok}
}

// pair is a directory that was copied before: in the first and in the second vault.
type pair struct{ from, to root }

func newCopier(ctx context.Context, from, to *vault.Vault, o *Options, p *Progress) (*copier, error) {
	c := &copier{ctx: ctx, options: o, progress: p}
	key, err := to.Keys().PageKey(keys.DomainFiles)
	if err != nil {
		return nil, err
	}
	c.pageKey = [32]byte(key)
	if c.from, err = from.Reader(ctx); err != nil {
		return nil, err
	}
	if c.writer, err = to.NewWriter(ctx, vault.WriterOptions{Level: o.Level, VerifyAll: o.VerifyAll, DryRun: o.DryRun}); err != nil {
		return nil, err
	}
	if c.to, err = to.Reader(ctx); err == nil {
		c.worker, err = c.writer.Worker()
	}
	if err == nil {
		c.cutter, err = c.writer.Cutter()
	}
	if err != nil {
		c.writer.Close()
	}
	return c, err
}

// lost notes data that the first vault cannot give. Other errors end the run.
func (c *copier) lost(path string, err error) error {
	if !errors.Is(err, vault.ErrDamaged) && !errors.Is(err, vault.ErrMissing) {
		return err
	}
	c.progress.Lost.Add(1)
	if c.options.Warn != nil {
		c.options.Warn(path, err)
	}
	return nil
}

// cursor goes through a directory beside another one.
type cursor struct {
	r    *tree.Reader
	next *tree.Entry
}

// open returns a cursor that finds nothing if the directory cannot be read: then its
// files are copied again.
func (c *copier) open(reader *vault.Reader, dir root) *cursor {
	r, err := reader.Dir(c.ctx, dir.id, dir.some)
	if err != nil {
		return &cursor{}
	}
	x := &cursor{r: r}
	x.advance()
	return x
}

func (x *cursor) advance() {
	x.next = nil
	if e, err := x.r.Next(); err == nil {
		x.next = e
	}
}

// find returns the entry of a name, nil if there is none. Names are asked for in
// ascending order.
func (x *cursor) find(name []byte) *tree.Entry {
	for x.next != nil && bytes.Compare(x.next.Name, name) < 0 {
		x.advance()
	}
	if x.next == nil || !bytes.Equal(x.next.Name, name) {
		return nil
	}
	return x.next
}

// subdir copies a directory into its entry. before is one of the same path that was
// copied.
func (c *copier) subdir(path string, out *tree.Entry, dir root, before pair) error {
	out.Subtree = nil
	if dir == before.from && (!dir.some || c.writer.Has(before.to.id)) {
		if before.to.some {
			out.Subtree = before.to.id[:]
		}
		return nil
	}
	users, groups := map[uint32]string{}, map[uint32]string{}
	w := tree.NewWriter(c.pageKey, func(uid, gid uint32) (string, string) { return users[uid], groups[gid] },
		func(page []byte) (pack.ID, error) { return c.worker.Add(keys.KindTree, page) })
	each := func(page *tree.Page, out, e, a, b *tree.Entry) error {
		users[e.UID], groups[e.GID] = page.OwnerNames(e)
		if err := c.entry(path+string(e.Name), out, e, a, b); err != nil {
			return err
		}
		return w.Add(*out)
	}
	damaged, err := c.entries(dir, before, each)
	if err != nil {
		return err
	}
	if damaged != nil {
		out.Flags |= tree.FlagPartial
		if err := c.lost(path, damaged); err != nil {
			return err
		}
	}
	id, some, err := w.Finish()
	if some {
		out.Subtree = id[:]
	}
	return err
}

// entries calls each with the entries of a directory: a copy that is to be changed,
// and those of the name that were copied before, nil if there are none. damaged is
// why others cannot be read.
func (c *copier) entries(dir root, before pair, each func(page *tree.Page, out, e, a, b *tree.Entry) error) (damaged, err error) {
	oldFrom, oldTo := c.open(c.from, before.from), c.open(c.to, before.to)
	r, err := c.from.Dir(c.ctx, dir.id, dir.some)
	if err != nil {
		return err, nil
	}
	for {
		if err := c.ctx.Err(); err != nil {
			return nil, err
		}
		e, err := r.Next()
		if e == nil || err != nil {
			return err, nil
		}
		out := *e
		if err := each(r.Page, &out, e, oldFrom.find(e.Name), oldTo.find(e.Name)); err != nil {
			return nil, err
		}
	}
}

// entry makes out, a copy of e, one of the second vault. a and b are those of the
// name that were copied before.
func (c *copier) entry(path string, out, e, a, b *tree.Entry) error {
	if err := c.xattrs(path, out, e); err != nil {
		return err
	}
	switch e.Type {
	case tree.TypeDir:
		var before pair
		if a != nil && b != nil && a.Type == tree.TypeDir && b.Type == tree.TypeDir && a.Flags == b.Flags {
			before = pair{subtree(a), subtree(b)}
		}
		return c.subdir(path+"/", out, subtree(e), before)
	case tree.TypeFile:
		c.progress.Files.Add(1)
		if a != nil && b != nil && b.Type == tree.TypeFile && a.Flags == b.Flags && sameContent(a, e) && c.has(b) {
			out.Content, out.ContentLists, out.Extents, out.ExtentLists = b.Content, b.ContentLists, b.Extents, b.ExtentLists
			return nil
		}
		return c.file(path, out, e)
	}
	return nil
}

// sameContent reports whether two files of the first vault have the same content.
func sameContent(a, b *tree.Entry) bool {
	return a.Type == b.Type && a.Size == b.Size && slices.Equal(a.Content, b.Content) && slices.Equal(a.ContentLists, b.ContentLists) &&
		slices.Equal(a.Extents, b.Extents) && slices.Equal(a.ExtentLists, b.ExtentLists)
}

// has reports whether the second vault has what an entry names.
func (c *copier) has(e *tree.Entry) bool {
	for _, ids := range [][]pack.ID{e.Content, e.ContentLists, e.ExtentLists} {
		if slices.ContainsFunc(ids, func(id pack.ID) bool { return !c.writer.Has(id) }) {
			return false
		}
	}
	return true
}

// xattrs copies values of extended attributes that are chunks.
func (c *copier) xattrs(path string, out, e *tree.Entry) error {
	out.Xattrs = slices.Clone(e.Xattrs)
	for i := range out.Xattrs {
		x := &out.Xattrs[i]
		if len(x.Content) == 0 {
			continue
		}
		ids := make([]pack.ID, 0, len(x.Content))
		for _, id := range x.Content {
			b, err := c.from.Chunk(c.ctx, keys.KindData, id)
			if err != nil {
				if err := c.lost(path, err); err != nil {
					return err
				}
				out.Xattrs = slices.Delete(out.Xattrs, i, i+1)
				return c.xattrs(path, out, out)
			}
			added, err := c.worker.Add(keys.KindData, b)
			if err != nil {
				return err
			}
			ids = append(ids, added)
		}
		x.Content = ids
	}
	return nil
}

// sourceError is an error of reading from the first vault.
type sourceError struct{ error }

func (s sourceError) Unwrap() error { return s.error }

// contentReader reads chunks of the first vault in a row.
type contentReader struct {
	c    *copier
	ids  []pack.ID
	left []byte
}

func (r *contentReader) Read(b []byte) (int, error) {
	for len(r.left) == 0 {
		if len(r.ids) == 0 {
			return 0, io.EOF
		}
		var err error
		if r.left, err = r.c.from.Chunk(r.c.ctx, keys.KindData, r.ids[0]); err != nil {
			return 0, sourceError{err}
		}
		r.ids = r.ids[1:]
	}
	n := copy(b, r.left)
	r.left = r.left[n:]
	r.c.progress.Bytes.Add(uint64(n))
	return n, nil
}

// file cuts the content of a file as the second vault does.
func (c *copier) file(path string, out, e *tree.Entry) error {
	out.Content, out.ContentLists, out.Extents, out.ExtentLists = nil, nil, nil, nil
	err := c.content(out, e)
	var source sourceError
	if !errors.As(err, &source) {
		return err
	}
	if err := c.lost(path, source.error); err != nil {
		return err
	}
	out.Flags |= tree.FlagUnreadable
	out.Size, out.Content, out.ContentLists, out.Extents, out.ExtentLists = 0, nil, nil, nil, nil
	return nil
}

func (c *copier) content(out, e *tree.Entry) error {
	content, err := c.from.Content(c.ctx, e)
	if err != nil {
		return sourceError{err}
	}
	extents, err := c.from.Extents(c.ctx, e)
	if err != nil {
		return sourceError{err}
	}
	var ids []pack.ID
	err = c.cutter.Cut(&contentReader{c: c, ids: content}, func(b []byte) error {
		id, err := c.worker.Add(keys.KindData, b)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return err
	}
	if err := out.SetContent(ids, c.putList); err != nil {
		return err
	}
	return out.SetExtents(extents, c.putList)
}

func (c *copier) putList(l *tree.List) (pack.ID, error) {
	b, err := l.Encode()
	if err != nil {
		return pack.ID{}, err
	}
	return c.worker.Add(keys.KindTree, b)
}
