// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// Bounds of Settings.Interface: entries, and bytes of all names and values.
const (
	MaxInterfaceSettings     = 64
	MaxInterfaceSettingsSize = 4 << 10
)

// Settings are what this account chose for all of its conversations.
type Settings struct {
	// ReadReports tells others what was read here, and shows what they read:
	// who does not say does not see.
	ReadReports bool
	// DeliveryReports does the same for what arrived.
	DeliveryReports bool
	// Typing does the same while somebody writes.
	Typing bool
	// Timer is after what time messages of new conversations disappear; 0 is
	// never.
	Timer time.Duration
	// Interface holds an interface's own choices, which the core does not
	// look into.
	Interface map[string]string
}

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
func (c *Client) Settings() (s Settings, err error) {
	err = c.store.view(func(tx *sealedTx) error {
		s, err = loadSettings(tx)
		return err
	})
	return s, err
}

// SetSettings replaces the settings. What they say of conversations counts
// from now on.
func (c *Client) SetSettings(ctx context.Context, s Settings) error {
	if err := s.check(); err != nil {
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

func (s Settings) check() error {
	if err := checkExpiry(s.Timer); err != nil {
		return err
	}
	size := 0
	for name, value := range s.Interface {
		size += len(name) + len(value)
	}
	if len(s.Interface) > MaxInterfaceSettings || size > MaxInterfaceSettingsSize {
		return fmt.Errorf("an interface may keep %d settings of %d bytes in all", MaxInterfaceSettings, MaxInterfaceSettingsSize)
	}
	for name, value := range s.Interface {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return errors.New("settings are text in UTF-8")
		}
	}
	return nil
}

func loadSettings(tx *sealedTx) (Settings, error) {
	var rec settingsRecord
	_, err := tx.load([]byte(tableSettings), &rec)
	return Settings{
		ReadReports: !rec.NoRead, DeliveryReports: !rec.NoDelivery, Typing: !rec.NoTyping,
		Timer: time.Duration(rec.Timer) * time.Second, Interface: rec.Interface,
	}, err
}
