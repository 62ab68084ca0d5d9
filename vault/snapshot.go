// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// PublishSnapshot publishes the snapshot of a run, partial or not, once everything
// that was added so far is in the storage. The error is ErrSwept if data that the
// run wrote or found was deleted meanwhile: then the run is to be done again, which
// sends only what is missing.
func (v *Vault) PublishSnapshot(ctx context.Context, w *Writer, k *Worker, body oplog.SnapshotBody) (seq uint64, err error) {
	return v.publishRun(ctx, w, k, body, v.unix)
}

// PublishCopy is PublishSnapshot with the time of a snapshot that was copied, in
// seconds since 1970, so that policies treat the copy as they treat that.
func (v *Vault) PublishCopy(ctx context.Context, w *Writer, k *Worker, body oplog.SnapshotBody, time int64) (seq uint64, err error) {
	return v.publishRun(ctx, w, k, body, func() int64 { return time })
}

func (v *Vault) publishRun(ctx context.Context, w *Writer, k *Worker, body oplog.SnapshotBody, now func() int64) (seq uint64, err error) {
	roots, err := w.Finish(k)
	if err != nil {
		return 0, err
	}
	body.Index = roots
	if v.WriteOnly() {
		return v.publishOwn(ctx, w, body)
	}
	if body.Parent != 0 {
		if s := v.state.Snapshots[body.Parent-1]; s != nil && v.DomainOf(s) != w.domain {
			return 0, errors.New("vault: the parent of a snapshot is of a write-only device: its word on what is unchanged does not count")
		}
	}
	seq, err = v.publishAt(ctx, oplog.KindSnapshot, now, func() (any, error) { return body, w.checkSwept() })
	if err == nil {
		w.published(roots)
	}
	return seq, err
}

// publishOwn publishes a snapshot of a write-only device.
func (v *Vault) publishOwn(ctx context.Context, w *Writer, body oplog.SnapshotBody) (seq uint64, err error) {
	used := w.refs.reach(body.Root)
	if err := v.publishing(&body, used); err != nil {
		return 0, err
	}
	if seq, err = v.publish(ctx, oplog.KindSnapshot, func() (any, error) { return body, nil }); err != nil {
		return 0, err
	}
	w.published(body.Index)
	return seq, v.published(&body, used)
}

// Snapshot finds a snapshot by its number, or for "latest" the newest one that is
// whole, and if there is none the newest partial one.
func (v *Vault) Snapshot(name string) (*oplog.Snapshot, error) {
	if v.WriteOnly() {
		return nil, ErrWriteOnly
	}
	if name == "latest" {
		live := v.state.Live()
		if len(live) == 0 {
			return nil, fmt.Errorf("%w: the vault has none yet", ErrNoSnapshot)
		}
		for _, s := range slices.Backward(live) {
			if !s.Body.Partial {
				return s, nil
			}
		}
		return live[len(live)-1], nil
	}
	seq, err := strconv.ParseUint(name, 10, 64)
	if err != nil || v.state.Snapshots[seq] == nil {
		return nil, fmt.Errorf("%w: %q", ErrNoSnapshot, name)
	}
	return v.state.Snapshots[seq], nil
}

// Own reports whether this device published a snapshot.
func (v *Vault) Own(s *oplog.Snapshot) bool { return v.device != nil && s.Device == v.device.ID() }

// Root returns the root page of a snapshot, false if it has no entries.
func Root(s *oplog.Snapshot) (pack.ID, bool) {
	if len(s.Body.Root) != len(pack.ID{}) {
		return pack.ID{}, false
	}
	return pack.ID(s.Body.Root), true
}

// Dir returns a reader of the directory with a root page.
func (r *Reader) Dir(ctx context.Context, root pack.ID, ok bool) (*tree.Reader, error) {
	return tree.NewReader(root, ok, func(id pack.ID) ([]byte, error) { return r.Chunk(ctx, keys.KindTree, id) })
}

// Content returns the identifiers of all chunks of a file, in order.
func (r *Reader) Content(ctx context.Context, e *tree.Entry) ([]pack.ID, error) {
	if len(e.ContentLists) == 0 {
		return e.Content, nil
	}
	var out []pack.ID
	for _, id := range e.ContentLists {
		l, err := r.list(ctx, id)
		if err != nil {
			return nil, err
		}
		out = append(out, l.Content...)
	}
	return out, nil
}

// Extents returns the parts of a file that are no holes, none if it has no holes.
func (r *Reader) Extents(ctx context.Context, e *tree.Entry) ([]tree.Extent, error) {
	if len(e.ExtentLists) == 0 {
		return e.Extents, nil
	}
	var out []tree.Extent
	for _, id := range e.ExtentLists {
		l, err := r.list(ctx, id)
		if err != nil {
			return nil, err
		}
		out = append(out, l.Extents...)
	}
	return out, tree.ValidateExtents(out, e.Size)
}

func (r *Reader) list(ctx context.Context, id pack.ID) (*tree.List, error) {
	b, err := r.Chunk(ctx, keys.KindTree, id)
	if err != nil {
		return nil, err
	}
	return tree.ParseList(b)
}
