// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"context"

	"github.com/securecrypt/securecrypt/vault/pack"
)

// Stats are sizes and counts of a vault.
type Stats struct {
	Snapshots, Forgotten, Devices int
	Entries, Packs, Chunks        uint64
	Bytes, ParityBytes, LogBytes  uint64
	Announced                     int // packs that are marked for deletion
}

// Stats counts what the storage lists and the index knows.
func (v *Vault) Stats(ctx context.Context) (*Stats, error) {
	if v.WriteOnly() {
		return nil, ErrWriteOnly
	}
	x, err := v.loadIndex(ctx, false)
	if err != nil {
		return nil, err
	}
	s := &Stats{Snapshots: len(v.state.Live()), Forgotten: len(v.state.Forgotten()), Entries: v.state.Next,
		Chunks: uint64(x.table.Len()), Announced: len(v.state.Marks)}
	for _, d := range v.state.Devices {
		if d.Revoked == 0 {
			s.Devices++
		}
	}
	err = v.store.List(ctx, "", func(name string, size int64) error {
		switch {
		case len(name) > 6 && name[:6] == "packs/":
			s.Packs, s.Bytes = s.Packs+1, s.Bytes+uint64(size)
			if c, err := pack.ClassOf(size); err == nil { // another is no pack
				s.ParityBytes += uint64(c.Parity) * pack.SegmentSize
			}
		case len(name) > 4 && name[:4] == "log/":
			s.LogBytes += uint64(size)
		}
		return nil
	})
	return s, err
}
