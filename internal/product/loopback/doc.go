// SPDX-License-Identifier: AGPL-3.0-or-later

// Package loopback serves browsers on this machine alone, at localhost.
//
// For a browser localhost is two addresses, [::1] and 127.0.0.1, and what it
// keeps for that name belongs to whoever answers at either: a program that
// listens on one of them alone leaves the other to any user of the machine.
// So [Listen] takes both or none, and [Only] answers for no other name, which
// a site elsewhere could lead here (DNS rebinding).
package loopback
