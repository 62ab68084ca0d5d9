// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/vault/index"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/storage"
)

// DefaultWait is how long something forgotten can be brought back.
const DefaultWait = 14 * 24 * time.Hour

// PruneOptions say how Prune works.
type PruneOptions struct {
	// Wait is how long packs stay after they were announced, and snapshots after
	// they were forgotten. Safety does not depend on it: 0 is allowed.
	Wait time.Duration
	// NoRepack leaves packs alone that are needed in part.
	NoRepack bool
	DryRun   bool
}

// PruneResult is what Prune did, or would do.
type PruneResult struct {
	Deleted, DeletedBytes   uint64 // packs that are gone
	Waiting, WaitingBytes   uint64 // packs that are announced, and go later
	Repacked, RepackedBytes uint64 // packs whose needed chunks were written again
	// NoRoom is set if the storage had no room to repack.
	NoRoom bool
}

// repackDead is the share of the bytes of a pack's chunks, in percent, beyond which it is
// written again without those that nothing needs.
const repackDead = 25

// prunePlan is what holds of a state of the log.
type prunePlan struct {
	needs    uint64 // of the state
	index    *packIndex
	reach    *reach
	sizes    map[pack.Name]int64
	unneeded []pack.Name
	roots    map[uint32]bool // packs whose index pages list a pack with a needed chunk
}

// plan finds which packs nothing needs. It fails if a chunk is missing that a
// snapshot needs: then nothing may be deleted.
func (v *Vault) plan(ctx context.Context, wait time.Duration) (*prunePlan, error) {
	sizes, err := v.listPacks(ctx)
	if err != nil {
		return nil, err
	}
	fresh := newPackIndex()
	fresh.there = sizes
	x, err := v.readIndex(ctx, fresh, true)
	if err != nil {
		return nil, err
	}
	r := newReach(ctx, newReader(v, x))
	strict := r.failed
	for _, s := range v.protected(wait) {
		r.failed = strict
		if s.Forgotten != 0 { // an earlier prune with a shorter wait may have taken it
			r.failed = func(*oplog.Snapshot, string, error) error { return nil }
		}
		if err := r.snapshot(s); err != nil {
			return nil, fmt.Errorf("%w; nothing was deleted: run check, and repair the vault first", err)
		}
	}
	p := &prunePlan{needs: v.state.Needs, index: x, reach: r, sizes: sizes, roots: map[uint32]bool{}}
	for i := range x.packs {
		if r.live[uint32(i+1)] > 0 {
			p.roots[x.packs[i].root] = true
		}
	}
	for name := range sizes {
		_, swept := v.state.Swept[name]
		if !swept && !p.needed(name) && !v.running(x, name) {
			p.unneeded = append(p.unneeded, name)
		}
	}
	slices.SortFunc(p.unneeded, func(a, b pack.Name) int { return bytes.Compare(a[:], b[:]) })
	return p, nil
}

// running reports whether a pack belongs to the newest run that a write-only device
// has announced.
func (v *Vault) running(x *packIndex, name pack.Name) bool {
	number, known := x.byName[name]
	if !known || len(v.state.Runs) == 0 {
		return false
	}
	session := oplog.HashOf(x.sealed[x.packs[number-1].session][:])
	for _, run := range v.state.Runs {
		if run == session {
			return true
		}
	}
	return false
}

// protected returns the snapshots whose data stays: those that are live, and those
// that were forgotten less than wait ago.
func (v *Vault) protected(wait time.Duration) []*oplog.Snapshot {
	out := v.state.Live()
	for _, s := range v.state.Forgotten() {
		if !v.passed(v.state.ForgetTime(s), wait) {
			out = append(out, s)
		}
	}
	return out
}

// passed reports whether wait has passed since a time. A time in the future has
// not come yet, but for a wait of 0.
func (v *Vault) passed(since int64, wait time.Duration) bool {
	return wait <= 0 || v.now().Unix()-since >= int64(wait/time.Second)
}

// needed reports whether a pack holds the place of a needed chunk, or lists a pack
// that does.
func (p *prunePlan) needed(name pack.Name) bool {
	number, known := p.index.byName[name]
	return known && (p.reach.live[number] > 0 || p.roots[number])
}

// unlisted reports whether a needed pack is in no index that the log leads to.
func (p *prunePlan) unlisted() bool {
	for i := range p.index.packs {
		if p.index.packs[i].unlisted && p.reach.live[uint32(i+1)] > 0 {
			return true
		}
	}
	return false
}

// Prune deletes packs that nothing needs: it announces them by a mark entry, and
// after the wait has them deleted by a sweep entry. The sweep is created behind
// everything that was taken into account, so that a snapshot is either among that,
// or is published behind the sweep by a writer who has seen it.
func (v *Vault) Prune(ctx context.Context, o PruneOptions) (*PruneResult, error) {
	if v.WriteOnly() {
		return nil, ErrWriteOnly
	}
	if err := v.Refresh(ctx); err != nil {
		return nil, err
	}
	r := new(PruneResult)
	if err := v.deleteSwept(ctx, o, r); err != nil { // what an earlier run did not finish
		return r, err
	}
	p, err := v.plan(ctx, o.Wait)
	if err != nil {
		return r, err
	}
	if p.unlisted() && !o.DryRun {
		// The index that listed them is lost, and may be deleted below.
		if err := v.rewrite(ctx, p, nil); err != nil {
			return r, err
		}
		if p, err = v.plan(ctx, o.Wait); err != nil {
			return r, err
		}
	}
	if !o.NoRepack {
		err := v.repack(ctx, p, o, r)
		switch {
		case errors.Is(err, storage.ErrFull):
			r.NoRoom = true
		case err != nil:
			return r, err
		}
		if r.Repacked > 0 && !o.DryRun && !r.NoRoom {
			if p, err = v.plan(ctx, o.Wait); err != nil {
				return r, err
			}
		}
	}
	if o.DryRun {
		v.countUnneeded(p, o.Wait, r)
		return r, nil
	}
	if err := v.mark(ctx, p); err != nil {
		return r, err
	}
	if p, err = v.sweep(ctx, p, o.Wait); err != nil {
		return r, err
	}
	for _, name := range p.unneeded {
		if _, swept := v.state.Swept[name]; !swept {
			r.Waiting, r.WaitingBytes = r.Waiting+1, r.WaitingBytes+uint64(p.sizes[name])
		}
	}
	return r, v.deleteSwept(ctx, o, r)
}

// countUnneeded counts what prune would delete, and what would wait.
func (v *Vault) countUnneeded(p *prunePlan, wait time.Duration, r *PruneResult) {
	for _, name := range p.unneeded {
		mark, marked := v.state.Marks[name]
		if wait <= 0 || marked && v.passed(mark.Time, wait) {
			r.Deleted, r.DeletedBytes = r.Deleted+1, r.DeletedBytes+uint64(p.sizes[name])
		} else {
			r.Waiting, r.WaitingBytes = r.Waiting+1, r.WaitingBytes+uint64(p.sizes[name])
		}
	}
}

// entry returns the body of a log entry with the packs that nothing needs and that
// include accepts, nil if there are none. more reports whether others do not fit.
func (p *prunePlan) entry(include func(pack.Name) bool) (body any, more bool) {
	var packs []pack.Name
	for _, name := range p.unneeded {
		if !include(name) {
			continue
		}
		if len(packs) == oplog.MaxPacks {
			return oplog.PacksBody{Packs: packs}, true
		}
		packs = append(packs, name)
	}
	if len(packs) == 0 {
		return nil, false
	}
	return oplog.PacksBody{Packs: packs}, false
}

// mark announces the packs that nothing needs.
func (v *Vault) mark(ctx context.Context, p *prunePlan) error {
	for {
		more := false
		_, err := v.publish(ctx, oplog.KindMark, func() (any, error) {
			var body any
			body, more = p.entry(func(name pack.Name) bool {
				_, marked := v.state.Marks[name]
				_, swept := v.state.Swept[name]
				return !marked && !swept
			})
			return body, nil
		})
		if err != nil || !more {
			return err
		}
	}
}

// sweep publishes that marked packs are to be deleted, and returns the plan that
// holds then. If others published meanwhile, it plans again.
func (v *Vault) sweep(ctx context.Context, p *prunePlan, wait time.Duration) (*prunePlan, error) {
	for {
		more := false
		_, err := v.publish(ctx, oplog.KindSweep, func() (any, error) {
			if v.state.Needs != p.needs {
				again, err := v.plan(ctx, wait)
				if err != nil {
					return nil, err
				}
				p = again
			}
			var body any
			body, more = p.entry(func(name pack.Name) bool {
				mark, marked := v.state.Marks[name]
				return marked && v.passed(mark.Time, wait)
			})
			return body, nil
		})
		if err != nil || !more {
			return p, err
		}
		p.needs = v.state.Needs // the sweep took what the plan does not need
	}
}

// deleteSwept deletes the packs that a sweep names and that are still there.
func (v *Vault) deleteSwept(ctx context.Context, o PruneOptions, r *PruneResult) error {
	there, err := v.listPacks(ctx)
	if err != nil {
		return err
	}
	before := r.Deleted
	for name, size := range there {
		if _, swept := v.state.Swept[name]; !swept {
			continue
		}
		if !o.DryRun {
			if err := v.store.Delete(ctx, name.Object()); err != nil {
				return err
			}
		}
		r.Deleted, r.DeletedBytes = r.Deleted+1, r.DeletedBytes+uint64(size)
	}
	if r.Deleted == before || o.DryRun {
		return nil
	}
	return v.store.Sync(ctx)
}

// repack writes the needed chunks of packs again that are needed in small part,
// and of small packs if there are several, and publishes the packs with them.
func (v *Vault) repack(ctx context.Context, p *prunePlan, o PruneOptions, r *PruneResult) error {
	chosen := map[uint32]bool{}
	small := 0
	for i := range p.index.packs {
		number := uint32(i + 1)
		if p.reach.live[number] == 0 {
			continue
		}
		info, err := v.readTable(ctx, p.index.packs[i].name)
		if err != nil {
			return err
		}
		total, needed := p.bytes(number, info.Table)
		switch {
		case v.state.Doubtful[info.Name]:
			chosen[number] = true
		case (total-needed)*100 > total*repackDead:
			chosen[number] = true
		case int(info.Class) < len(pack.Classes)-1:
			chosen[number] = true
			small++
		}
	}
	if len(chosen) == small && small < mergeSmall {
		return nil
	}
	for number := range chosen {
		r.Repacked, r.RepackedBytes = r.Repacked+1, r.RepackedBytes+uint64(pack.Classes[p.index.packs[number-1].class].Size())
	}
	if o.DryRun {
		return nil
	}
	return v.rewrite(ctx, p, chosen)
}

// bytes returns how many bytes the chunks of a pack have, index pages left out, and
// how many of them are needed from this pack.
func (p *prunePlan) bytes(number uint32, table pack.Table) (total, needed uint64) {
	for f := range table {
		if table[f].Kind == keys.KindIndex {
			continue
		}
		for c, chunk := range table[f].Chunks {
			total += uint64(chunk.Length)
			if place, seen := p.reach.seen.Get(chunk.ID); seen && place == (index.Place{Pack: number, Frame: uint16(f), Chunk: uint16(c)}) {
				needed += uint64(chunk.Length)
			}
		}
	}
	return total, needed
}

// mergeSmall is how many packs that are not of the largest class are merged.
const mergeSmall = 8

// rewrite copies the needed chunks of packs into new ones and publishes them, with
// index pages of all packs that stay.
func (v *Vault) rewrite(ctx context.Context, p *prunePlan, chosen map[uint32]bool) error {
	w, k, err := v.newRewriter(ctx)
	if err != nil {
		return err
	}
	defer w.Close()
	for number := range chosen {
		if err := v.copyLive(ctx, p, number, k); err != nil {
			return err
		}
	}
	for i := range p.index.packs {
		number := uint32(i + 1)
		if p.reach.live[number] == 0 || chosen[number] {
			continue
		}
		info, err := v.readTable(ctx, p.index.packs[i].name)
		if err != nil {
			return err
		}
		w.todo = append(w.todo, *info)
	}
	roots, err := w.Finish(k)
	if err != nil {
		return err
	}
	_, err = v.publish(ctx, oplog.KindRepack, func() (any, error) {
		if err := w.checkSwept(); err != nil {
			return nil, err
		}
		return oplog.RepackBody{Index: roots}, nil
	})
	return err
}

// newRewriter returns a Writer, with its only Worker, that stores again the chunks
// that the vault has already. It is to be closed.
func (v *Vault) newRewriter(ctx context.Context) (*Writer, *Worker, error) {
	v.index = newPackIndex() // no chunk is known; Close drops this index
	w, err := v.NewWriter(ctx, WriterOptions{VerifyAll: true, Level: pack.LevelDefault})
	if err != nil {
		v.index, v.reader = nil, nil
		return nil, nil, err
	}
	k, err := w.Worker()
	if err != nil {
		w.Close()
		return nil, nil, err
	}
	return w, k, nil
}

// copyLive adds the chunks of a pack that are needed and whose place it is.
func (v *Vault) copyLive(ctx context.Context, p *prunePlan, number uint32, k *Worker) error {
	name, head := p.index.record(number)
	whole, err := v.readPack(ctx, name, head)
	if err != nil {
		return err
	}
	for f := range whole.Table {
		info := &whole.Table[f]
		raw, err := k.compressor.Decompress(info, whole.Stored(info))
		if err != nil {
			return err
		}
		for c, chunk := range info.Chunks {
			b := raw[:chunk.Length]
			raw = raw[chunk.Length:]
			place, seen := p.reach.seen.Get(chunk.ID)
			if !seen || place != (index.Place{Pack: number, Frame: uint16(f), Chunk: uint16(c)}) {
				continue
			}
			id, err := k.add(info.Domain, info.Kind, b)
			if err != nil {
				return err
			}
			if id.Short() != chunk.ID {
				return fmt.Errorf("%w: pack %v has a chunk with another content", ErrDamaged, name)
			}
		}
	}
	return nil
}
