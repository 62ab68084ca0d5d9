// SPDX-License-Identifier: AGPL-3.0-or-later

package webbuild

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// The most that a visitor downloads, in bytes of brotli.
const (
	BudgetUI       = 80_000
	BudgetSettings = 5_500
	BudgetDevices  = 7_000
	BudgetCore     = 1_870_000 // with several devices; 1,750,000 is to be reached again
)

// ErrTooBig means that the bundle is over budget.
var ErrTooBig = errors.New("webbuild: over budget")

// Sizes are what a visitor downloads, in bytes of brotli.
type Sizes struct {
	// UI is scripts and styles of the interface that every visit loads.
	UI int
	// Settings is loaded when somebody opens the settings.
	Settings int
	// Devices is loaded when somebody opens the devices, or is about to link one.
	Devices int
	// Worker is the script around the core, Core the core itself.
	Worker, Core int
	// Locale is the largest catalogue of a language other than English. It
	// stands apart from UI because a session in English never loads one, and
	// any other loads just one, when the interface is already there.
	Locale int
	// Codes is loaded when somebody shows a code, or scans one and the browser
	// cannot.
	Codes int
}

func measure(out files, locales []string) Sizes {
	var s Sizes
	for name, content := range out {
		if path.Ext(name) != ".br" {
			continue
		}
		plain := strings.TrimSuffix(name, ".br")
		base, n := path.Base(plain), len(content)
		switch {
		case path.Ext(plain) == ".wasm":
			s.Core += n
		case strings.HasPrefix(base, "worker-"):
			s.Worker += n
		case strings.HasPrefix(base, "jsQR-"), strings.HasPrefix(base, "encode-"):
			s.Codes += n
		case strings.HasPrefix(base, "settings-"):
			s.Settings += n
		case strings.HasPrefix(base, "devices-"):
			s.Devices += n
		case slices.Contains(locales, plain):
			s.Locale = max(s.Locale, n)
		case path.Ext(plain) == ".js" || path.Ext(plain) == ".css":
			s.UI += n
		}
	}
	return s
}

func (s Sizes) check() error {
	if s.UI > BudgetUI {
		return fmt.Errorf("%w: the interface has %d bytes in brotli, %d are allowed", ErrTooBig, s.UI, BudgetUI)
	}
	if s.Settings > BudgetSettings {
		return fmt.Errorf("%w: the settings have %d bytes in brotli, %d are allowed", ErrTooBig, s.Settings, BudgetSettings)
	}
	if s.Devices > BudgetDevices {
		return fmt.Errorf("%w: the devices have %d bytes in brotli, %d are allowed", ErrTooBig, s.Devices, BudgetDevices)
	}
	if s.Core > BudgetCore {
		return fmt.Errorf("%w: the core has %d bytes in brotli, %d are allowed", ErrTooBig, s.Core, BudgetCore)
	}
	return nil
}

// String is one line for people.
func (s Sizes) String() string {
	return fmt.Sprintf("in brotli: interface %.1f kB of %.0f, settings %.1f kB of %.1f, devices %.1f kB of %.1f, core %.0f kB of %.0f, worker %.1f kB, codes %.1f kB, largest catalogue %.1f kB",
		float64(s.UI)/1e3, BudgetUI/1e3, float64(s.Settings)/1e3, BudgetSettings/1e3, float64(s.Devices)/1e3, BudgetDevices/1e3, float64(s.Core)/1e3, BudgetCore/1e3, float64(s.Worker)/1e3, float64(s.Codes)/1e3, float64(s.Locale)/1e3)
}
