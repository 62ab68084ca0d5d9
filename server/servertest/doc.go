// SPDX-License-Identifier: AGPL-3.0-or-later

// Package servertest starts the relay inside tests and speaks to it in the raw
// protocol. Everything is on loopback, at ports that the system chooses, and
// stops with the test.
package servertest
