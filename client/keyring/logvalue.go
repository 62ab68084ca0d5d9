// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build !js

package keyring

import "log/slog"

// Browsers have no log, and would have to load the package.

// LogValue redacts the key.
func (k StoreKey) LogValue() slog.Value { return slog.StringValue(k.String()) }
