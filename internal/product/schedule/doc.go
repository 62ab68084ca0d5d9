// SPDX-License-Identifier: AGPL-3.0-or-later

// Package schedule repeats a command: it writes the units by which systemd does, and
// has a loop for systems without it. It knows neither what the command does nor
// secrets; both are the caller's.
package schedule
