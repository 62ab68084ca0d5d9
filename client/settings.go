// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
)

// A settingsRecord says what differs from a new profile's settings.
type settingsRecord struct {
	Version    uint8             `cbor:"1,keyasint"`
	NoRead     bool              `cbor:"2,keyasint,omitempty"`
	NoDelivery bool              `cbor:"3,keyasint,omitempty"`
	NoTyping   bool              `cbor:"4,keyasint,omitempty"`
	Timer      uint32            `cbor:"5,keyasint,omitempty"` // seconds
	Interface  map[string]string `cbor:"6,keyasint,omitempty"`
}

// Settings returns the settings; those of a new profile have everything
// switched on.
func (c *Client) Settings() (s chat.Settings, err error) {
	err = c.store.view(func(tx *sealedTx) error {
		s, err = loadSettings(tx)
		return err
	})
	return s, err
}

// SetSettings replaces the settings. What they say of conversations counts
// from now on.
func (c *Client) SetSettings(ctx context.Context, s chat.Settings) error {
	if err := s.Check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	rec := settingsRecord{
		Version: recordVersion, NoRead: !s.ReadReports, NoDelivery: !s.DeliveryReports, NoTyping: !s.Typing,
		Timer: uint32(s.Timer / time.Second), Interface: s.Interface,
	}
	return c.store.update(func(tx *sealedTx) error { return tx.save([]byte(tableSettings), &rec) })
}

func loadSettings(tx *sealedTx) (chat.Settings, error) {
	var rec settingsRecord
	_, err := tx.load([]byte(tableSettings), &rec)
	return chat.Settings{
		ReadReports: !rec.NoRead, DeliveryReports: !rec.NoDelivery, Typing: !rec.NoTyping,
		Timer: time.Duration(rec.Timer) * time.Second, Interface: rec.Interface,
	}, err
}
