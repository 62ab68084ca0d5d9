// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import (
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
)

// A Settings says what differs from a new profile's settings.
type Settings struct {
	Version    uint8             `cbor:"1,keyasint"`
	NoRead     bool              `cbor:"2,keyasint,omitempty"`
	NoDelivery bool              `cbor:"3,keyasint,omitempty"`
	NoTyping   bool              `cbor:"4,keyasint,omitempty"`
	Timer      uint32            `cbor:"5,keyasint,omitempty"` // seconds
	Interface  map[string]string `cbor:"6,keyasint,omitempty"`
}

// SaveSettings replaces the settings.
func SaveSettings(tx *Tx, s chat.Settings) error {
	return tx.Save([]byte(tableSettings), &Settings{
		Version: Version, NoRead: !s.ReadReports, NoDelivery: !s.DeliveryReports, NoTyping: !s.Typing,
		Timer: uint32(s.Timer / time.Second), Interface: s.Interface,
	})
}

// LoadSettings returns the settings.
func LoadSettings(tx *Tx) (chat.Settings, error) {
	var rec Settings
	_, err := tx.Load([]byte(tableSettings), &rec)
	return chat.Settings{
		ReadReports: !rec.NoRead, DeliveryReports: !rec.NoDelivery, Typing: !rec.NoTyping,
		Timer: time.Duration(rec.Timer) * time.Second, Interface: rec.Interface,
	}, err
}
