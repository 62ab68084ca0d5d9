// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/zeebo/blake3"

	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/storage"
)

// CheckOptions say how much Check reads.
type CheckOptions struct {
	// Read reads every pack and checks each segment and its name.
	Read bool
	// Deep also decompresses every frame and checks every identifier. It implies
	// Read.
	Deep bool
	// Repair writes packs again that parity could rebuild. Of packs that are
	// damaged beyond that, it copies what can still be read into new ones, and
	// deletes them: the next backup stores what is missing, if its source still
	// has it. It implies Read.
	Repair bool
	// Hash has a storage that is a storage.Hasher hash the packs where they lie. Of
	// those that are not what their names say, it reads as Read does; the others are
	// not read. It does nothing with Read, Deep, Repair or Sample, or another storage.
	Hash bool
	// Sample is the share of the packs that are read, in percent, beginning where
	// the last sample ended; 0 for all. It implies Read, and needs Proofs.
	Sample float64
	// Proofs, if not nil, learns which packs are intact.
	Proofs *Proofs
	// Progress is called with how many packs of how many were read, if it is not
	// nil.
	Progress func(done, total int)
}

// Problem is something that Check found.
type Problem struct {
	// Pack is the object that is concerned, if one is.
	Pack string
	// Repaired is set if Check repaired it.
	Repaired bool
	// Lost is set if data cannot be restored. Then Snapshot and Path say whose.
	Lost     bool
	Snapshot uint64
	Path     string
	Err      error
}

// CheckResult counts what Check saw.
type CheckResult struct {
	Entries, Snapshots uint64
	Packs, Bytes       uint64
	PacksRead          uint64
	PacksHashed        uint64 // by the storage, which found them to be what their names say
	Chunks             uint64 // that snapshots need
	Problems           []Problem
}

// Lost reports whether something cannot be restored.
func (r *CheckResult) Lost() bool {
	return slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Lost })
}

// Bad reports whether a problem remains.
func (r *CheckResult) Bad() bool {
	return slices.ContainsFunc(r.Problems, func(p Problem) bool { return !p.Repaired })
}

// Check verifies the log, that every snapshot has everything that it needs, and
// that the packs are there with the right sizes; with Read, that they are intact.
func (v *Vault) Check(ctx context.Context, o CheckOptions) (*CheckResult, error) {
	if v.WriteOnly() {
		return nil, ErrWriteOnly
	}
	if err := v.Refresh(ctx); err != nil {
		return nil, err
	}
	sizes, err := v.listPacks(ctx)
	if err != nil {
		return nil, err
	}
	r := &CheckResult{Entries: v.state.Next}
	fresh := newPackIndex()
	x, err := v.readIndex(ctx, fresh, true)
	if err != nil {
		return nil, err
	}
	for _, name := range x.lost {
		r.Problems = append(r.Problems, Problem{Pack: name.Object(), Err: errors.New("the index in this pack cannot be read: it was rebuilt from other packs for this check; run prune, which writes it again")})
	}
	bad := map[uint32]error{} // packs with data that cannot be restored
	for i := range x.packs {
		number, p := uint32(i+1), &x.packs[i]
		size, there := sizes[p.name]
		if want := pack.Classes[p.class].Size(); !there {
			bad[number] = fmt.Errorf("%w: pack %v", ErrMissing, p.name)
		} else if size != want {
			bad[number] = fmt.Errorf("%w: pack %v has %d bytes, not %d", ErrDamaged, p.name, size, want)
		}
	}
	for name, size := range sizes {
		r.Packs, r.Bytes = r.Packs+1, r.Bytes+uint64(size)
		_, swept := v.state.Swept[name]
		if _, known := x.byName[name]; !known && !swept {
			r.Problems = append(r.Problems, Problem{Pack: name.Object(), Err: errors.New("this pack cannot be opened, and no index lists it: prune deletes it")})
		}
	}
	if o.Read || o.Deep || o.Repair || o.Sample > 0 {
		if err := v.checkPacks(ctx, o, x, r, bad, o.selected(x)); err != nil {
			return r, err
		}
	} else if hasher, ok := v.store.(storage.Hasher); ok && o.Hash {
		suspects, err := hashPacks(ctx, hasher, x, r, bad)
		if err != nil {
			return r, err
		}
		if err := v.checkPacks(ctx, o, x, r, bad, suspects); err != nil {
			return r, err
		}
	}
	if err := v.checkSnapshots(ctx, x, r, bad); err != nil || !o.Repair {
		return r, err
	}
	return r, v.haveWritersResend(ctx, r)
}

// hashPacks has the storage hash the packs, and returns those that are not what their
// names say.
func hashPacks(ctx context.Context, hasher storage.Hasher, x *packIndex, r *CheckResult, bad map[uint32]error) (suspects []uint32, err error) {
	var names []string
	for i := range x.packs {
		if bad[uint32(i+1)] == nil {
			names = append(names, x.packs[i].name.Object())
		}
	}
	intact := map[string]bool{}
	err = hasher.Hashes(ctx, names, func(name string, _ int64, hash [32]byte) error {
		if name == pack.Name(hash).Object() {
			intact[name] = true
		}
		return nil
	})
	for i := range x.packs {
		if number := uint32(i + 1); bad[number] == nil && !intact[x.packs[i].name.Object()] {
			suspects = append(suspects, number)
		}
	}
	r.PacksHashed = uint64(len(intact))
	return suspects, err
}

// checkPacks reads some packs.
func (v *Vault) checkPacks(ctx context.Context, o CheckOptions, x *packIndex, r *CheckResult, bad map[uint32]error, numbers []uint32) error {
	t, err := newReader(v, x).take()
	if err != nil {
		return err
	}
	var broken []uint32 // packs that were read, and are damaged beyond repair
	for i, number := range numbers {
		if o.Progress != nil {
			o.Progress(i, len(numbers))
		}
		name, head := x.record(number)
		if bad[number] != nil {
			continue
		}
		p, err := v.readPackTwice(ctx, name, head)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if o.Proofs != nil && o.Sample > 0 {
			o.Proofs.next = name // also if it is damaged: the next sample goes on
		}
		r.PacksRead++
		if err == nil && o.Deep {
			err = t.verify(p)
		}
		if err != nil {
			bad[number] = fmt.Errorf("pack %v: %w", name, err)
			// An error of the storage is no damage: the pack may be read tomorrow.
			if errors.Is(err, pack.ErrDamaged) || errors.Is(err, pack.ErrFormat) || errors.Is(err, ErrDamaged) {
				broken = append(broken, number)
				o.Proofs.note(name, 0)
			}
			continue
		}
		proved := v.now().Unix()
		if p.Bad {
			proved = 0
			problem := Problem{Pack: name.Object(), Err: fmt.Errorf("%d segments were damaged; parity can rebuild all of it: run check --repair", p.Damaged)}
			if o.Repair {
				if err := v.replace(ctx, name, p.Repaired); err != nil {
					return err
				}
				proved = v.now().Unix()
				problem.Repaired, problem.Err = true, fmt.Errorf("%d segments were damaged, and rebuilt from parity", p.Damaged)
			}
			r.Problems = append(r.Problems, problem)
		}
		o.Proofs.note(name, proved)
	}
	if !o.Repair {
		return nil
	}
	if err := v.store.Sync(ctx); err != nil {
		return err
	}
	return v.salvage(ctx, x, broken)
}

// readPackTwice reads a pack, and reads it again if it is damaged. What differs
// then was damaged on the way: nothing may be concluded from it, and the error is
// ErrMisread.
func (v *Vault) readPackTwice(ctx context.Context, name pack.Name, head *pack.Head) (*pack.Pack, error) {
	data, err := storage.ReadAll(ctx, v.store, name.Object(), storage.MaxObject)
	if err != nil {
		return nil, err
	}
	sum := blake3.Sum256(data)
	p, err := pack.Open(name, data, head, v.sessions.get)
	if err == nil && !p.Bad {
		return p, nil
	}
	again, readErr := storage.ReadAll(ctx, v.store, name.Object(), storage.MaxObject)
	if readErr != nil {
		return nil, readErr
	}
	if blake3.Sum256(again) != sum {
		return nil, ErrMisread
	}
	return p, err
}

// replace writes a repaired pack, and reads it back.
func (v *Vault) replace(ctx context.Context, name pack.Name, data []byte) error {
	if err := v.store.Replace(ctx, name.Object(), data); err != nil {
		return err
	}
	p, err := v.readPack(ctx, name, nil)
	if err == nil && p.Bad {
		err = ErrDamaged
	}
	if err != nil {
		return fmt.Errorf("pack %v was repaired, and is damaged when it is read back: the storage is failing; copy the vault elsewhere: %w", name, err)
	}
	return nil
}

// verify checks all identifiers of a pack.
func (t *readTools) verify(p *pack.Pack) error {
	for i := range p.Table {
		f := &p.Table[i]
		raw, err := t.compressor.Decompress(f, p.Stored(f))
		if err != nil {
			return err
		}
		for _, c := range f.Chunks {
			id, err := t.namers.Name(f.Domain, f.Kind, raw[:c.Length])
			if err != nil {
				return err
			}
			if id.Short() != c.ID {
				return fmt.Errorf("%w: a chunk has another content than its identifier says", ErrDamaged)
			}
			raw = raw[c.Length:]
		}
	}
	return nil
}

// checkSnapshots visits everything that live snapshots need, and names what is in
// packs that are bad.
func (v *Vault) checkSnapshots(ctx context.Context, x *packIndex, r *CheckResult, bad map[uint32]error) error {
	reach := newReach(ctx, newReader(v, x))
	type file struct {
		snapshot uint64
		path     string
	}
	named := map[file]bool{}
	lost := func(s *oplog.Snapshot, path string, err error) {
		if named[file{s.Seq, path}] {
			return
		}
		named[file{s.Seq, path}] = true
		r.Problems = append(r.Problems, Problem{Lost: true, Snapshot: s.Seq, Path: path, Err: err})
	}
	reach.failed = func(s *oplog.Snapshot, path string, err error) error {
		if ctx.Err() != nil || errors.Is(err, storage.ErrFull) {
			return err
		}
		lost(s, path, err)
		return nil
	}
	reach.visit = func(s *oplog.Snapshot, path string, _ keys.Kind, id pack.ID) {
		if place, ok := x.find(id.Short()); ok && bad[place.Pack] != nil {
			lost(s, path, bad[place.Pack])
		}
	}
	for _, s := range v.state.Live() {
		r.Snapshots++
		if len(bad) > 0 {
			reach.seen.Reset() // each snapshot that is concerned is named
		}
		if err := reach.snapshot(s); err != nil {
			return err
		}
	}
	for _, number := range slices.Sorted(maps.Keys(bad)) {
		name, _ := x.record(number)
		r.Problems = append(r.Problems, Problem{Pack: name.Object(), Err: bad[number]})
	}
	r.Chunks = reach.chunks
	return nil
}
