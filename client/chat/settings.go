// SPDX-License-Identifier: AGPL-3.0-or-later

package chat

import (
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

// Check refuses settings that a profile cannot hold.
func (s Settings) Check() error {
	if err := CheckExpiry(s.Timer); err != nil {
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
