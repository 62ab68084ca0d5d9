// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build unix && !linux

package secretmem

func undumpable() error { return nil }
