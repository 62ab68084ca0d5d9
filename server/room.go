// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"

	"github.com/securecrypt/securecrypt/server/fairness"
)

// usage returns what the store holds.
func (s *Server) usage(ctx context.Context) (u Usage, err error) {
	err = s.store.View(ctx, func(tx ReadTx) error {
		u, err = tx.Usage()
		return err
	})
	return u, err
}

// measure sets the limits of what is kept: the configured ones, or what is
// stored and what the disk can still take, where that is less.
func (s *Server) measure(ctx context.Context) error {
	rows, blobs, vaults := int64(s.limits.MaxRowBytes), int64(s.limits.MaxBlobBytes), int64(s.limits.MaxVaultBytes)
	if s.room != nil {
		free, err := s.room()
		if err != nil {
			return err
		}
		s.logDiskState(free)
		u, err := s.usage(ctx)
		if err != nil {
			return err
		}
		rows = min(rows, int64(u.RowBytes+free))
		blobs = min(blobs, int64(u.BlobBytes+free))
		vaults = min(vaults, int64(u.VaultBytes+free))
	}
	s.shares.SetLimit(fairness.KeptRows, rows)
	s.shares.SetLimit(fairness.KeptBlobs, blobs)
	s.shares.SetLimit(fairness.KeptVaults, vaults)
	return nil
}

// logDiskState logs when the free disk space falls to the reserve, and when there
// is room again. It must have a single caller.
func (s *Server) logDiskState(free uint64) {
	full := free == 0
	switch {
	case full && !s.full:
		s.log.Error("the disk has no more room than the reserve: nothing new is stored until there is")
	case !full && s.full:
		s.log.Info("the disk has room again")
	}
	s.full = full
}
