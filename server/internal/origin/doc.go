// SPDX-License-Identifier: AGPL-3.0-or-later

// Package origin finds out where requests and connections come from: the
// address behind the reverse proxies that are trusted ([Proxies]), and the web
// site whose page asks. A [Resolver] makes a [fairness.Origin] of both, which
// limits and shares are counted for, and guards a listener with them.
//
// Invariants: what a client writes into a header of a proxy does not count; no
// address reaches a log.
//
// It is not for the PROXY protocol, which the listener below the guard speaks,
// nor for the limits themselves: see package fairness.
package origin
