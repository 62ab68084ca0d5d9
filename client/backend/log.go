// SPDX-License-Identifier: AGPL-3.0-or-later

package backend

// A Logger takes messages for operators and developers, as *slog.Logger does.
// It is not that type since a browser, which has none, would have to load it.
type Logger interface {
	Debug(msg string, args ...any)
	Warn(msg string, args ...any)
	Error(msg string, args ...any)
}
