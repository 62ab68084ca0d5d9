// SPDX-License-Identifier: AGPL-3.0-or-later

// Package fairness shares a server's resources among strangers: none of them,
// with however many connections, keeps the others from being served.
//
// An [Origin] is whom the server holds responsible for what a connection costs:
// an address, its network, the web site whose page opened it. What origins hold at
// a time, and what they stored lately, is counted by [Shares], for each origin and
// in total: an origin may hold a part of what stays free. What they ask for is
// counted by rates, each a [Bucket] for each origin. What several origins do to one
// account, device or token is counted by [Targets], and the commits to a channel by
// [CommitTurns]. [Limits] has all figures; one server has one of each.
//
// Nothing here is stored or logged, and nothing waits in a queue. Time comes in
// from outside.
package fairness
