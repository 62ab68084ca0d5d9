// SPDX-License-Identifier: AGPL-3.0-or-later

// Package client is the core of every SecureCrypt client: the command line,
// the terminal interface, bots and the browser run it.
//
// A Client is one profile: an account, its contacts and its conversations, in
// a Store in which everything is sealed. What a person asks for (send, create
// a group, leave) is first written to the store and then carried out, however
// often the program is stopped in between.
//
// Inside, a conversation is a state machine without I/O: it is given inputs
// (commands, what the server sent, results) within a store transaction, and
// returns effects, which are carried out after the transaction is durable. An
// actor, one goroutine for each conversation, feeds it. So a message key is
// erased by the transaction that uses it, and nothing leaves the device that
// a crash could make it forget or say twice.
//
// Conversations use anonymous connections; the identified connection carries
// the account, its key packages and its mailbox. The two are never the same.
// Lookups, letters and what wakes devices travel on connections that carry
// nothing else.
//
// Before a request is accepted, no server but the account's own is contacted
// because of it: its channel is opened there, and there alone, on a connection
// for requests; its members elsewhere are looked up when it is accepted.
//
// Files that are attached or opened are kept in a cache inside the store, sealed and
// in pieces; programs with a file system may name files by their paths, too.
//
// The package does no file, network or terminal I/O of its own: Store,
// Transport and Files come from outside.
package client
