// SPDX-License-Identifier: AGPL-3.0-or-later

// Package local is a [server.Bus] within one process: for nodes that share it
// and a store, as tests have them.
package local
