// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build !unix

package folder

// syncDir does nothing: folders cannot be synced here.
func syncDir(string) error { return nil }
