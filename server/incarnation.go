// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"fmt"
	"io"

	"github.com/securecrypt/securecrypt/protocol"
)

// Incarnation returns which life of its data a store is in, and begins the first
// one if there was none.
func Incarnation(ctx context.Context, store Store, random io.Reader) (protocol.Incarnation, error) {
	var row StateRow
	err := store.View(ctx, func(tx ReadTx) (err error) {
		row, err = tx.State().Get()
		return err
	})
	if err != nil || row.Incarnation != (protocol.Incarnation{}) {
		return row.Incarnation, err
	}
	var fresh protocol.Incarnation
	if _, err := io.ReadFull(random, fresh[:]); err != nil {
		return fresh, fmt.Errorf("server: reading randomness: %w", err)
	}
	err = store.Update(ctx, func(tx WriteTx) error {
		row, err = tx.State().Get()
		if err != nil || row.Incarnation != (protocol.Incarnation{}) {
			return err // another node has begun it
		}
		row.Incarnation = fresh
		return tx.State().Put(row)
	})
	return row.Incarnation, err
}

// BeginIncarnation begins another life of a store that was copied or restored:
// clients then know that it may have gone back in time. One-time key packages are
// deleted, because some of them may have been used since; the last-resort ones
// stay, so that people can be reached until they publish others.
func BeginIncarnation(ctx context.Context, store Store, random io.Reader) error {
	var fresh protocol.Incarnation
	if _, err := io.ReadFull(random, fresh[:]); err != nil {
		return fmt.Errorf("server: reading randomness: %w", err)
	}
	return store.Update(Freeing(ctx), func(tx WriteTx) error {
		row, err := tx.State().Get()
		if err != nil {
			return err
		}
		row.Incarnation = fresh
		if err := tx.State().Put(row); err != nil {
			return err
		}
		return tx.KeyPackages().DeleteAllOneTime()
	})
}
