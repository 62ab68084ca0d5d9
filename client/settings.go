// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
)

// Settings returns the settings; those of a new profile have everything
// switched on.
func (acc Account) Settings() (s chat.Settings, err error) {
	err = acc.c.store.View(func(tx *records.Tx) error {
		s, err = records.LoadSettings(tx)
		return err
	})
	return s, err
}

// SetSettings replaces the settings. What they say of conversations counts
// from now on.
func (acc Account) SetSettings(ctx context.Context, s chat.Settings) error {
	if err := s.Check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return acc.c.store.Update(func(tx *records.Tx) error { return records.SaveSettings(tx, s) })
}
