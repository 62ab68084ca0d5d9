// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"context"
	"errors"

	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/storage"
)

// salvage copies what can be read of packs that are damaged beyond repair into new
// packs, publishes those, and has the damaged ones deleted. Chunks that are lost
// are then in no pack, so that the next backup that meets them stores them again,
// for all snapshots that need them.
func (v *Vault) salvage(ctx context.Context, x *packIndex, numbers []uint32) error {
	gone := oplog.PacksBody{Lost: true}
	for _, number := range numbers {
		name, _ := x.record(number)
		if len(gone.Packs) < oplog.MaxPacks {
			gone.Packs = append(gone.Packs, name)
		}
	}
	if len(gone.Packs) == 0 || v.device == nil {
		return nil
	}
	w, k, err := v.newRewriter(ctx)
	if err != nil {
		return err
	}
	defer w.Close()
	for _, name := range gone.Packs {
		if err := v.copyReadable(ctx, name, k); err != nil {
			return err
		}
	}
	// What the index pages of these packs list must not become unlisted.
	bad := map[uint32]bool{}
	for _, number := range numbers {
		bad[number] = true
	}
	for i := range x.packs {
		if root := x.packs[i].root; bad[uint32(i+1)] || !bad[root] && root != 0 {
			continue
		}
		info, err := v.readTable(ctx, x.packs[i].name)
		if errors.Is(err, storage.ErrNotFound) || errors.Is(err, pack.ErrDamaged) {
			continue
		}
		if err != nil {
			return err
		}
		w.todo = append(w.todo, *info)
	}
	roots, err := w.Finish(k)
	if err != nil {
		return err
	}
	if len(roots) > 0 {
		if _, err := v.publish(ctx, oplog.KindRepack, func() (any, error) { return oplog.RepackBody{Index: roots}, w.checkSwept() }); err != nil {
			return err
		}
	}
	if _, err := v.publish(ctx, oplog.KindSweep, func() (any, error) { return gone, nil }); err != nil {
		return err
	}
	if err := v.grantWriters(ctx, v.device.Signature); err != nil { // they are to send again what may be lost
		return err
	}
	return v.deleteSwept(ctx, PruneOptions{}, new(PruneResult))
}

// copyReadable adds the chunks of a damaged pack that can be read and have their
// identifiers.
func (v *Vault) copyReadable(ctx context.Context, name pack.Name, k *Worker) error {
	info, err := v.readTable(ctx, name)
	if err != nil {
		return ctx.Err() // nothing of it can be read
	}
	o, err := pack.NewOpener(pack.Classes[info.Class], &info.Head, v.sessions.get)
	if err != nil {
		return ctx.Err() // as above
	}
	for i := range info.Table {
		f := &info.Table[i]
		if f.Kind == keys.KindIndex {
			continue
		}
		stored, err := v.readFrame(ctx, name, o, &info.Head, f)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			continue // it lies in a segment that is lost
		}
		raw, err := k.compressor.Decompress(f, stored)
		if err != nil {
			continue // as above
		}
		for _, c := range f.Chunks {
			b := raw[:c.Length]
			raw = raw[c.Length:]
			id, err := k.namers.Name(f.Domain, f.Kind, b)
			if err != nil {
				return err
			}
			if id.Short() != c.ID {
				continue
			}
			if _, err := k.add(f.Domain, f.Kind, b); err != nil {
				return err
			}
		}
	}
	return nil
}
