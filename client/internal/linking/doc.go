// SPDX-License-Identifier: AGPL-3.0-or-later

// Package linking brings devices into an account: it carries the handshake of package
// devicelink through a server, and lets a device in by the recovery key.
//
// Whether a device is one of the account's is decided by the account's chain alone.
// The existing device appends the statement within AppendLimit of its first draft, or
// never; the new one, which keeps its keys before it signs, asks the account's server
// until the statement is there or Patience is over. Whoever dies in between, both know
// the same then.
package linking
