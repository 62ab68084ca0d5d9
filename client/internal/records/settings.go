// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import (
	"maps"
	"strconv"
	"strings"
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

// The names of settings as other devices know them. Those of an interface have a prefix.
const (
	settingRead      = "read"
	settingDelivery  = "delivery"
	settingTyping    = "typing"
	settingTimer     = "timer"
	settingInterface = "interface/"
)

// SettingTexts returns the settings by their names, as texts.
func SettingTexts(s chat.Settings) map[string]string {
	all := map[string]string{
		settingRead: strconv.FormatBool(s.ReadReports), settingDelivery: strconv.FormatBool(s.DeliveryReports),
		settingTyping: strconv.FormatBool(s.Typing), settingTimer: strconv.FormatInt(int64(s.Timer/time.Second), 10),
	}
	for name, value := range s.Interface {
		all[settingInterface+name] = value
	}
	return all
}

// SetSetting changes a setting by its name. One of a later version, or a value that
// cannot be, changes nothing.
func SetSetting(tx *Tx, name, value string) error {
	s, err := LoadSettings(tx)
	if err != nil {
		return err
	}
	on := value == strconv.FormatBool(true)
	switch own, ofInterface := strings.CutPrefix(name, settingInterface); {
	case name == settingRead:
		s.ReadReports = on
	case name == settingDelivery:
		s.DeliveryReports = on
	case name == settingTyping:
		s.Typing = on
	case name == settingTimer:
		seconds, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return nil
		}
		s.Timer = time.Duration(seconds) * time.Second
	case ofInterface:
		s.Interface = maps.Clone(s.Interface)
		if s.Interface == nil {
			s.Interface = map[string]string{}
		}
		s.Interface[own] = value
		if value == "" {
			delete(s.Interface, own)
		}
	}
	if s.Check() != nil {
		return nil
	}
	return SaveSettings(tx, s)
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
