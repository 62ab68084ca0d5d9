// SPDX-License-Identifier: AGPL-3.0-or-later

// Package protocol is what a client and a server say to each other: frames,
// requests, responses, events, error codes and limits. docs/protocol.cddl is
// the same as a schema.
//
// A connection is a WebSocket. Each binary WebSocket message carries one or
// more frames, one after the other (a CBOR sequence, RFC 8742); a frame is one
// deterministic CBOR array of four elements. Requests on one connection are
// answered in any order, each answer naming its request; the entries of one
// channel arrive in the order of their sequence numbers.
//
// There are two kinds of connection, told apart by what is done on them. A
// connection becomes identified by [OpAuthenticate]; it then reaches what
// belongs to that account and is refused everything about channels. All other
// connections are anonymous. The server can therefore not tie a conversation
// to an account, even for itself.
//
// Blobs are announced, uploaded and fetched by HTTP, at [BlobPath]: headers,
// statuses and refusals of that are here as well.
//
// The package describes and checks messages. It opens no connection, holds no
// state and decrypts nothing: ciphertexts, letters and key packages are byte
// strings to it.
package protocol
