// SPDX-License-Identifier: AGPL-3.0-or-later

package link

// Discard discards all messages.
type Discard struct{}

func (Discard) Debug(string, ...any) {}
func (Discard) Warn(string, ...any)  {}
func (Discard) Error(string, ...any) {}
