// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build !unix

package secretmem

// Harden does nothing: this system writes no core files by itself.
func Harden() error { return nil }

// Lock reports false: it is not done on this system.
func Lock(any) bool { return false }
