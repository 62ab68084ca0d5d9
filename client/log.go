// SPDX-License-Identifier: AGPL-3.0-or-later

package client

// discardLogger discards all messages.
type discardLogger struct{}

func (discardLogger) Debug(string, ...any) {}
func (discardLogger) Warn(string, ...any)  {}
func (discardLogger) Error(string, ...any) {}
