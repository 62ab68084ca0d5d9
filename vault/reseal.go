// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"context"
	"math"
	"time"

	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/pack"
)

// ResealOptions say how Reseal works.
type ResealOptions struct {
	// Wait is how long forgotten snapshots can be brought back: theirs are sealed
	// again, too.
	Wait time.Duration
	// Batch is how many bytes of packs are sealed again before the old ones are
	// deleted; 0 is 256 MiB.
	Batch int64
	// DryRun counts, and writes nothing.
	DryRun bool
	// Progress is called with how many packs of how many were sealed again, if it
	// is not nil.
	Progress func(done, total int)
}

const defaultBatch = 256 << 20

// ResealResult is what Reseal did, or would do.
type ResealResult struct {
	Epoch          uint32 // the current one
	Packs, Bytes   uint64 // that were sealed again
	Deleted        uint64 // packs that are gone
	Left, Unlisted uint64 // of earlier epochs, and still there: of runs of write-only devices, and of no snapshot
}

// Reseal seals everything that snapshots need to the current epoch, and deletes the
// packs of earlier ones. If all is sealed to it, it begins the next epoch first. It
// may be stopped at any time: the next call goes on with what is left.
func (v *Vault) Reseal(ctx context.Context, o ResealOptions) (*ResealResult, error) {
	if v.WriteOnly() {
		return nil, ErrWriteOnly
	}
	if o.Batch == 0 {
		o.Batch = defaultBatch
	}
	r := new(ResealResult)
	if err := v.Refresh(ctx); err != nil {
		return r, err
	}
	left, err := v.sweptEarlier(ctx)
	if err != nil {
		return r, err
	}
	if !o.DryRun {
		if err := v.dropSwept(ctx, r); err != nil {
			return r, err
		}
	}
	p, err := v.plan(ctx, o.Wait)
	if err != nil {
		return r, err
	}
	epoch := v.keys.Epoch()
	for i := range p.index.packs {
		if p.index.packs[i].epoch < epoch {
			left++
		}
	}
	if left == 0 {
		epoch++
	}
	if o.DryRun {
		r.Epoch = epoch
		for i := range p.index.packs {
			if p.toReseal(i, epoch) {
				r.Packs, r.Bytes = r.Packs+1, r.Bytes+uint64(pack.Classes[p.index.packs[i].class].Size())
			}
		}
		return r, nil
	}
	if left == 0 {
		if err := v.Rotate(ctx); err != nil {
			return r, err
		}
	}
	r.Epoch = v.keys.Epoch()
	return r, v.resealAll(ctx, p, o, r)
}

// sweptEarlier counts the packs of earlier epochs that are swept and still there: an
// earlier run was interrupted near its end.
func (v *Vault) sweptEarlier(ctx context.Context) (count int, err error) {
	there, err := v.listPacks(ctx)
	if err != nil {
		return 0, err
	}
	for name := range there {
		if _, swept := v.state.Swept[name]; !swept {
			continue
		}
		head, err := v.store.Read(ctx, name.Object(), 0, pack.EpochEnd)
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if epoch, ok := pack.EpochOf(head); err == nil && ok && epoch < v.keys.Epoch() {
			count++
		}
	}
	return count, nil
}

// toReseal reports whether a pack is sealed to an earlier epoch and needed.
func (p *prunePlan) toReseal(i int, epoch uint32) bool {
	number := uint32(i + 1)
	return p.index.packs[i].epoch < epoch && (p.reach.live[number] > 0 || p.roots[number])
}

// resealAll does the work of Reseal, batch by batch. When others publish meanwhile,
// it plans again.
func (v *Vault) resealAll(ctx context.Context, p *prunePlan, o ResealOptions, r *ResealResult) error {
	done := 0
	for again := true; ; again = false {
		if again || p.needs != v.state.Needs {
			var err error
			if p, err = v.dropEarlier(ctx, o.Wait, r); err != nil {
				return err
			}
		}
		chosen, total, size := map[uint32]bool{}, done, int64(0)
		for i := range p.index.packs {
			if !p.toReseal(i, r.Epoch) {
				continue
			}
			total++
			if class := pack.Classes[p.index.packs[i].class]; size < o.Batch {
				chosen[uint32(i+1)], size = true, size+class.Size()
			}
		}
		if o.Progress != nil {
			o.Progress(done, total)
		}
		if len(chosen) == 0 {
			v.countEarlier(p, r)
			return nil
		}
		if err := v.resealBatch(ctx, p, chosen); err != nil {
			return err
		}
		done += len(chosen)
		r.Packs, r.Bytes = r.Packs+uint64(len(chosen)), r.Bytes+uint64(size)
		if err := v.dropBatch(ctx, p, chosen, r); err != nil {
			return err
		}
	}
}

// relisted is the root of packs that a new index page lists.
const relisted = math.MaxUint32

// resealBatch writes what is needed of packs again, and publishes it, with index
// pages of the packs that only these listed.
func (v *Vault) resealBatch(ctx context.Context, p *prunePlan, chosen map[uint32]bool) error {
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
	var listed []uint32
	for i := range p.index.packs {
		number, x := uint32(i+1), &p.index.packs[i]
		if chosen[number] || x.root == relisted || !chosen[x.root] || p.reach.live[number] == 0 && !p.roots[number] {
			continue
		}
		info, err := v.readTable(ctx, x.name)
		if err != nil {
			return err
		}
		w.todo, listed = append(w.todo, *info), append(listed, number)
	}
	roots, err := w.Finish(k)
	if err != nil {
		return err
	}
	if len(roots) > 0 {
		alone := false // nothing was published since the plan was made
		_, err = v.publish(ctx, oplog.KindRepack, func() (any, error) {
			alone = v.state.Needs == p.needs
			return oplog.RepackBody{Index: roots}, w.checkSwept()
		})
		if err == nil && alone {
			p.needs++ // by this entry
		}
	}
	for _, number := range listed {
		p.index.packs[number-1].root = relisted
	}
	return err
}

// dropBatch has packs deleted that were sealed again, unless others have published
// meanwhile: then dropEarlier does, which looks again at what is needed.
func (v *Vault) dropBatch(ctx context.Context, p *prunePlan, chosen map[uint32]bool, r *ResealResult) error {
	body := oplog.PacksBody{}
	for number := range chosen {
		name, _ := p.index.record(number)
		p.reach.live[number], p.roots[number] = 0, false
		if !v.running(p.index, name) && len(body.Packs) < oplog.MaxPacks {
			body.Packs = append(body.Packs, name)
		}
	}
	swept := false
	_, err := v.publish(ctx, oplog.KindSweep, func() (any, error) {
		if swept = v.state.Needs == p.needs && len(body.Packs) > 0; !swept {
			return nil, nil
		}
		return body, nil
	})
	if err != nil {
		return err
	}
	if swept {
		p.needs++ // by this entry
	}
	return v.dropSwept(ctx, r)
}

func (v *Vault) dropSwept(ctx context.Context, r *ResealResult) error {
	deleted := new(PruneResult)
	err := v.deleteSwept(ctx, PruneOptions{}, deleted)
	r.Deleted += deleted.Deleted
	return err
}

// dropEarlier has the packs of earlier epochs deleted that the log leads to and that
// nothing needs, and returns what is needed then. Packs of no snapshot may belong to
// a run that is under way: prune takes them when it has waited.
func (v *Vault) dropEarlier(ctx context.Context, wait time.Duration, r *ResealResult) (p *prunePlan, err error) {
	for more := true; more; {
		_, err = v.publish(ctx, oplog.KindSweep, func() (body any, err error) {
			if p, err = v.plan(ctx, wait); err != nil {
				return nil, err
			}
			body, more = p.entry(func(name pack.Name) bool {
				number, known := p.index.byName[name]
				return known && p.index.packs[number-1].epoch < v.keys.Epoch() && !p.index.packs[number-1].unlisted
			})
			if body != nil {
				p.needs++
			}
			return body, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return p, v.dropSwept(ctx, r)
}

// countEarlier counts the packs of earlier epochs that remain: those of the newest run
// of a write-only device, and those that belong to no snapshot.
func (v *Vault) countEarlier(p *prunePlan, r *ResealResult) {
	for i := range p.index.packs {
		x := &p.index.packs[i]
		if _, swept := v.state.Swept[x.name]; swept || x.epoch >= r.Epoch {
			continue
		}
		if v.running(p.index, x.name) {
			r.Left++
		} else {
			r.Unlisted++
		}
	}
}
