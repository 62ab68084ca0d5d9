// SPDX-License-Identifier: AGPL-3.0-or-later

// Package browse goes through snapshots: it lists, compares and prints what they
// hold, and reads only the tree pages and chunks that this takes.
package browse

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// Item is an entry with its path and the names of its owners.
type Item struct {
	Path        string
	Entry       *tree.Entry
	User, Group string
}

// List calls each with the entries of a directory, and with those below them if
// recursive. If e is no directory, each is called with it alone. path is what e is
// called.
func List(ctx context.Context, r *vault.Reader, path string, e *tree.Entry, recursive bool, each func(Item) error) error {
	if e.Type != tree.TypeDir {
		return each(Item{Path: path, Entry: e})
	}
	root, ok := e.SubtreeID()
	dir, err := r.Dir(ctx, root, ok)
	if err != nil {
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		x, err := dir.Next()
		if x == nil || err != nil {
			return err
		}
		user, group := dir.Page.OwnerNames(x)
		at := Join(path, x)
		if err := each(Item{at, x, user, group}); err != nil {
			return err
		}
		if recursive && x.Type == tree.TypeDir {
			if err := List(ctx, r, at, x, true, each); err != nil {
				return err
			}
		}
	}
}

// Join returns the path of an entry of a directory.
func Join(path string, e *tree.Entry) string {
	if path == "" || path == "/" {
		return "/" + string(e.Name)
	}
	return path + "/" + string(e.Name)
}

// zeros is what holes are written as.
var zeros [64 << 10]byte

// Cat writes the content of a file to w, holes as zeros.
func Cat(ctx context.Context, r *vault.Reader, e *tree.Entry, w io.Writer) error {
	if e.Type != tree.TypeFile {
		return fmt.Errorf("browse: %q is a %v, not a file", e.Name, e.Type)
	}
	if e.Flags&tree.FlagUnreadable != 0 {
		return fmt.Errorf("browse: %q could not be read when it was backed up", e.Name)
	}
	content, err := r.Content(ctx, e)
	if err != nil {
		return err
	}
	extents, err := r.Extents(ctx, e)
	if err != nil {
		return err
	}
	if len(extents) == 0 {
		extents = []tree.Extent{{Length: e.Size}}
	}
	at, left := uint64(0), []byte(nil)
	for _, x := range extents {
		if err := fill(w, x.Offset-at); err != nil {
			return err
		}
		at = x.Offset
		for at < x.Offset+x.Length {
			if len(left) == 0 {
				if len(content) == 0 {
					return fmt.Errorf("%w: %q is too short", vault.ErrDamaged, e.Name)
				}
				if left, err = r.Chunk(ctx, keys.KindData, content[0]); err != nil {
					return err
				}
				content = content[1:]
			}
			n, err := w.Write(left[:min(uint64(len(left)), x.Offset+x.Length-at)])
			if err != nil {
				return err
			}
			left, at = left[n:], at+uint64(n)
		}
	}
	if len(left) > 0 || len(content) > 0 {
		return fmt.Errorf("%w: %q is too long", vault.ErrDamaged, e.Name)
	}
	return fill(w, e.Size-at)
}

func fill(w io.Writer, n uint64) error {
	for n > 0 {
		m, err := w.Write(zeros[:min(n, uint64(len(zeros)))])
		if err != nil {
			return err
		}
		n -= uint64(m)
	}
	return nil
}

// Change is a difference between two snapshots.
type Change struct {
	Path       string
	Old, New   *tree.Entry // nil for what is not there
	Content    bool        // the content differs
	OnlyMeta   bool        // everything but the content differs
	TypeChange bool
}

// Diff calls each with what differs between two directories, either of which may
// be nil. Directories with the same pages are not read.
func Diff(ctx context.Context, r *vault.Reader, path string, a, b *tree.Entry, each func(Change) error) error {
	x, err := cursor(ctx, r, a)
	if err != nil {
		return err
	}
	y, err := cursor(ctx, r, b)
	if err != nil {
		return err
	}
	p, err := x.Next()
	if err != nil {
		return err
	}
	q, err := y.Next()
	if err != nil {
		return err
	}
	for p != nil || q != nil {
		order := 0
		switch {
		case p == nil:
			order = 1
		case q == nil:
			order = -1
		default:
			order = bytes.Compare(p.Name, q.Name)
		}
		var old, now *tree.Entry
		if order <= 0 {
			old = p
		}
		if order >= 0 {
			now = q
		}
		if err := diffEntry(ctx, r, path, old, now, each); err != nil {
			return err
		}
		if old != nil {
			if p, err = x.Next(); err != nil {
				return err
			}
		}
		if now != nil {
			if q, err = y.Next(); err != nil {
				return err
			}
		}
	}
	return nil
}

func cursor(ctx context.Context, r *vault.Reader, e *tree.Entry) (*tree.Reader, error) {
	if e == nil || e.Type != tree.TypeDir {
		return tree.NewReader(pack.ID{}, false, nil)
	}
	root, ok := e.SubtreeID()
	return r.Dir(ctx, root, ok)
}

func diffEntry(ctx context.Context, r *vault.Reader, path string, a, b *tree.Entry, each func(Change) error) error {
	one := a
	if one == nil {
		one = b
	}
	c := Change{Path: Join(path, one), Old: a, New: b}
	if a != nil && b != nil {
		c.TypeChange = a.Type != b.Type
		c.Content = !sameContent(a, b)
		c.OnlyMeta = !c.Content && !c.TypeChange && !sameMeta(a, b)
	}
	if a == nil || b == nil || c.TypeChange || c.Content && a.Type != tree.TypeDir || c.OnlyMeta {
		if err := each(c); err != nil {
			return err
		}
	}
	if a != nil && b != nil && bytes.Equal(a.Subtree, b.Subtree) {
		return nil
	}
	if a != nil && a.Type == tree.TypeDir || b != nil && b.Type == tree.TypeDir {
		return Diff(ctx, r, c.Path, a, b, each)
	}
	return nil
}

func sameContent(a, b *tree.Entry) bool {
	if a.Size != b.Size || len(a.Content) != len(b.Content) || len(a.ContentLists) != len(b.ContentLists) || !bytes.Equal(a.Link, b.Link) ||
		a.Major != b.Major || a.Minor != b.Minor || a.Flags != b.Flags {
		return false
	}
	for i := range a.Content {
		if a.Content[i] != b.Content[i] {
			return false
		}
	}
	for i := range a.ContentLists {
		if a.ContentLists[i] != b.ContentLists[i] {
			return false
		}
	}
	return true
}

func sameMeta(a, b *tree.Entry) bool {
	if a.Mode != b.Mode || a.UID != b.UID || a.GID != b.GID || a.Seconds != b.Seconds || a.Nanos != b.Nanos || len(a.Xattrs) != len(b.Xattrs) {
		return false
	}
	for i := range a.Xattrs {
		x, y := &a.Xattrs[i], &b.Xattrs[i]
		if !bytes.Equal(x.Name, y.Name) || !bytes.Equal(x.Value, y.Value) || len(x.Content) != len(y.Content) {
			return false
		}
		for j := range x.Content {
			if x.Content[j] != y.Content[j] {
				return false
			}
		}
	}
	return true
}
