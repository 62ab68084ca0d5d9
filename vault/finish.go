// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/securecrypt/securecrypt/vault/index"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/storage"
)

// Finish seals what is open, together with index pages that list the packs of the
// run, and returns once all of it is in the storage and flushed. What other workers
// add meanwhile may be left out. It may be called several times: a run publishes
// partial snapshots. It returns the packs that have index pages, for an entry of
// the log.
func (w *Writer) Finish(k *Worker) ([]pack.Name, error) {
	w.mu.Lock()
	workers := slices.Clone(w.workers)
	w.mu.Unlock()
	for _, other := range workers {
		if err := other.Flush(); err != nil {
			return nil, err
		}
	}
	last, err := w.sealOpen(k)
	if err != nil {
		return nil, err
	}
	todo, err := w.unlistedPacks()
	if err != nil {
		return nil, err
	}
	if err := w.finishIndex(k, last, todo); err != nil {
		return nil, err
	}
	w.mu.Lock()
	waiting := slices.Collect(maps.Keys(w.uploads))
	roots := slices.Clone(w.roots)
	w.mu.Unlock()
	for _, u := range waiting {
		<-u.stored
	}
	if err := context.Cause(w.ctx); err != nil {
		return nil, err
	}
	if w.options.DryRun {
		return nil, nil
	}
	return roots, w.v.store.Sync(w.ctx)
}

// sealOpen takes the packs that are being filled, seals that of tree pages, and
// returns the other one. It waits until packs that others are sealing are
// registered.
func (w *Writer) sealOpen(k *Worker) (last *pack.Builder, err error) {
	w.mu.Lock()
	w.join()
	last, trees := w.data, w.trees
	w.data, w.trees = new(pack.Builder), new(pack.Builder)
	waiting := slices.Collect(maps.Keys(w.uploads))
	var u *upload
	if !trees.Empty() {
		u = w.newUpload()
	}
	w.mu.Unlock()
	if u != nil {
		err = w.seal(k, trees, u, false)
	}
	for _, u := range waiting {
		<-u.sealed
	}
	return last, err
}

// unlistedPacks takes the packs that no index page lists yet: those of this run, and
// those of unfinished runs that chunks were found in.
func (w *Writer) unlistedPacks() ([]index.PackInfo, error) {
	var found []pack.Name
	w.mu.Lock()
	todo := w.todo
	w.todo = nil
	w.index.mu.Lock()
	for number := range w.relied {
		if record := &w.index.packs[number-1]; record.unlisted {
			record.unlisted = false
			found = append(found, record.name)
		}
	}
	w.index.mu.Unlock()
	w.mu.Unlock()
	for _, name := range found {
		info, err := w.v.readTable(w.ctx, name)
		if errors.Is(err, storage.ErrNotFound) {
			return nil, ErrSwept // or it was lost: the next attempt does without it
		}
		if err != nil {
			return nil, err
		}
		todo = append(todo, *info)
	}
	return todo, nil
}

// join puts the frames of files and of trees into one pack if they fit. The caller
// holds mu.
func (w *Writer) join() {
	joined := new(pack.Builder)
	for _, b := range []*pack.Builder{w.data, w.trees} {
		for _, f := range b.Frames() {
			if !joined.Fits(&f) {
				return
			}
			joined.Add(f)
		}
	}
	w.data, w.trees = joined, new(pack.Builder)
}

// finishIndex adds index pages of the packs in todo to the last pack, and seals it.
func (w *Writer) finishIndex(k *Worker, last *pack.Builder, todo []index.PackInfo) error {
	for len(todo) > 0 {
		f, rest, err := k.indexFrame(todo)
		if err != nil {
			return err
		}
		todo = rest
		if !last.Fits(&f) {
			if err := w.sealRoot(k, last); err != nil {
				return err
			}
			last = new(pack.Builder)
		}
		last.Add(f)
	}
	if last.Empty() {
		return nil
	}
	return w.sealRoot(k, last)
}

// indexFrame makes a frame of index pages, and returns the packs that did not fit.
// A page has packs of one session.
func (k *Worker) indexFrame(todo []index.PackInfo) (f pack.Frame, rest []index.PackInfo, err error) {
	var raw []byte
	info := pack.FrameInfo{Kind: keys.KindIndex, Domain: k.w.domain}
	for len(todo) > 0 {
		page, size := index.Page{Sealed: todo[0].Head.Sealed}, index.HeadSize
		for len(todo) > 0 && todo[0].Head.Sealed == page.Sealed {
			n := index.Size(&todo[0])
			if len(page.Packs) > 0 && len(raw)+size+n > indexPage {
				break
			}
			page.Packs, todo, size = append(page.Packs, todo[0]), todo[1:], size+n
		}
		b := page.Encode()
		id, err := k.namers.Name(k.w.domain, keys.KindIndex, b)
		if err != nil {
			return f, nil, err
		}
		info.Chunks = append(info.Chunks, pack.Chunk{ID: id.Short(), Length: uint32(len(b))})
		if raw = append(raw, b...); len(todo) == 0 || len(raw)+index.HeadSize+index.Size(&todo[0]) > indexPage {
			break
		}
	}
	return k.compressor.Compress(info, raw), todo, nil
}

// sealRoot seals a pack that the log will name.
func (w *Writer) sealRoot(k *Worker, b *pack.Builder) error {
	w.mu.Lock()
	u := w.newUpload()
	w.mu.Unlock()
	return w.seal(k, b, u, true)
}

// RelyOn has the run fail with ErrSwept if a snapshot is forgotten before the run
// is published: data that only that snapshot needs may then be gone.
func (w *Writer) RelyOn(seq uint64) {
	w.mu.Lock()
	w.parents = append(w.parents, seq)
	w.mu.Unlock()
}

// published tells that the log names the packs that Finish returned.
func (w *Writer) published(roots []pack.Name) {
	w.mu.Lock()
	w.roots = slices.DeleteFunc(w.roots, func(name pack.Name) bool { return slices.Contains(roots, name) })
	w.mu.Unlock()
}
