// SPDX-License-Identifier: AGPL-3.0-or-later

// Package server is the blind relay: it registers accounts, hands out key
// packages, keeps sealed letters, orders the ciphertexts of channels and holds
// encrypted blobs. It holds no key that opens any of them and links no code
// that could.
//
// A [Server] is made with [New] from a [Config] and the [Store] and [Blobs]
// that it is to use; [Server.Handler] is its HTTP face. Clock and randomness
// come in with the Config.
//
// How it works inside:
//
//   - A session is one WebSocket connection. Its reader goroutine owns the
//     session's state and answers requests in turn; posts alone are answered
//     later. Its writer goroutine exists only while there is something to send.
//   - A topic is a channel that somebody has open or posts to. Posts and commits
//     of one channel are gathered and stored together, in the order they came,
//     by one goroutine that lives as long as there is work.
//   - An opening is a topic's subscriber on one session. While its session keeps
//     up, it gets entries as they are stored; when it does not, the session's
//     writer reads them from the store, at the pace of the connection.
//   - A push wakes a device whose application is closed, on a goroutine of its
//     own, of which there are few. Whoever shows the device's token sets it off;
//     the answer to them does not wait for it.
//   - An origin is whom the server holds responsible: an address, the network
//     that it belongs to, and the web site whose page connects. Every resource
//     (connections, memory for requests and queues, openings, transfers, pushes,
//     requests being worked on, disclosures, what is stored) is shared among
//     origins by [fairness.Shares]: one may hold no more than a part of what
//     stays free. Rates count what each origin asks for; [fairness.Targets]
//     divide what strangers may do to one account. Announced lengths cost
//     nothing: what is counted has arrived. The limits are in package fairness.
//
// Concepts that need neither sessions nor the whole store are packages below
// internal: connections, frames, uploads, the origins of requests, the clock,
// deadlines, metrics, and the invitations that an operator makes.
//
// Invariants: nothing is acknowledged or delivered before it is durable; an
// entry is delivered to all openings of its epoch or read by them later;
// identified connections never touch channels; no address, name, channel or
// key reaches a log or a metric.
//
// The package is not for deciding what a conversation's members may do: clients
// do that.
package server
