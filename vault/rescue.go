// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"context"
	"errors"
	"fmt"

	"github.com/securecrypt/securecrypt/vault/oplog"
)

// rescue copies what snapshots need out of packs whose sweep does not count any
// more, since a revoked device had published it: somebody may have begun to delete
// them. Prune goes on with it if it is interrupted.
func (v *Vault) rescue(ctx context.Context) error {
	if len(v.state.Doubtful) == 0 {
		return nil
	}
	sizes, err := v.listPacks(ctx)
	if err != nil {
		return err
	}
	fresh := newPackIndex()
	fresh.there = sizes
	x, err := v.readIndex(ctx, fresh, true)
	if err != nil {
		return err
	}
	r, missing := newReach(ctx, newReader(v, x)), 0
	r.failed = func(_ *oplog.Snapshot, _ string, err error) error {
		if errors.Is(err, ErrMissing) || errors.Is(err, ErrDamaged) {
			missing++
			return nil // the rest can be saved
		}
		return err
	}
	for _, s := range v.protected(DefaultWait) {
		if err := r.snapshot(s); err != nil {
			return err
		}
	}
	p := &prunePlan{needs: v.state.Needs, index: x, reach: r, sizes: sizes, roots: map[uint32]bool{}}
	chosen := map[uint32]bool{}
	for i := range x.packs {
		if number := uint32(i + 1); r.live[number] > 0 && v.state.Doubtful[x.packs[i].name] {
			chosen[number] = true
		}
	}
	if len(chosen) > 0 {
		if err := v.rewrite(ctx, p, chosen); err != nil {
			return fmt.Errorf("the devices are removed, but the data that they had deleted was not copied; securecrypt vault prune does that: %w", err)
		}
	}
	if missing > 0 {
		return fmt.Errorf("%w: the devices are removed, but %d pieces of data that they deleted are gone. If the storage keeps old versions, bring them back", ErrMissing, missing)
	}
	return nil
}

// ForgottenBy returns how many snapshots an entry of the log has forgotten.
func (v *Vault) ForgottenBy(seq uint64) (count int) {
	for _, s := range v.state.Forgotten() {
		if s.Forgotten == seq+1 {
			count++
		}
	}
	return count
}
