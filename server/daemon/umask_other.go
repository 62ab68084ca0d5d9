// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build !unix

package daemon

// keepPrivate does nothing where files inherit their folder's permissions.
func keepPrivate() {}
