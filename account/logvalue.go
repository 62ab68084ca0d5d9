// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build !js

package account

import "log/slog"

// Browsers have no log, and would have to load the package.

// LogValue keeps addresses out of logs.
func (Address) LogValue() slog.Value { return slog.StringValue("address:redacted") }

// LogValue does not show the secret.
func (RecoverySecret) LogValue() slog.Value { return slog.StringValue(redacted) }
