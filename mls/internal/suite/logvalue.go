// SPDX-License-Identifier: Apache-2.0

//go:build !js

package suite

import "log/slog"

// Browsers have no log, and would have to load the package.

// LogValue redacts the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
