// SPDX-License-Identifier: AGPL-3.0-or-later

// Package connection is the server's side of one WebSocket connection
// (RFC 6455, without extensions): a [Socket] reads and writes messages, an
// [Outbox] is the queue of what is to be sent.
//
// Invariants: what an announced length costs has arrived; memory for requests
// and for queues is counted for the connection's origin; a message that does
// not arrive at the slowest permitted rate, and a client that takes nothing,
// end the connection. An outbox has a goroutine only while there is something
// to send.
//
// The package knows no requests and no rows: what is read from a store comes
// from a [Feed].
package connection
