// SPDX-License-Identifier: AGPL-3.0-or-later

// Package client is the core of every SecureCrypt client: the command line, the
// terminal interface, bots and the browser run it.
//
// A [Client] is one profile: an account, its contacts and its conversations, in a
// store in which everything is sealed. What a person asks for (send, create a
// group, leave) is first written to the store and then carried out, however often
// the program is stopped in between.
//
// # Guide
//
// [Create] makes the keys of a new account, [Open] opens the profile, and
// [Account.Register] has the account's server know it. [Client.ConnectAll] then
// connects everything; [Client.Sync] waits until all that the server holds has
// come.
//
// [Client.Direct] and [Client.CreateGroup] begin conversations, [Client.Send] writes
// in one. Others' first messages are requests: [Client.Conversations] lists them with
// [chat.StatusRequest], and [Client.Accept] makes a conversation of one. A program
// takes what it receives with [Client.TakeInbox], which forgets nothing before it is
// dealt with; an interface shows [Messages.Page] and follows [Config].OnEvent. The echo
// bot among the examples does all of that in thirty lines.
//
// The rest is in parts, by what it is about: [Client.Account], [Client.People],
// [Client.Groups], [Client.Messages], [Client.Files] and [Client.List]. What methods
// return is in package chat; what a [Config] takes from outside is declared in package
// backend: a store, a transport, files, a logger. The package does no file, network or
// terminal input and output of its own.
//
// # Inside
//
// A conversation is a state machine without input and output: it is given inputs
// (commands, what the server sent, results) within a store transaction, and
// returns effects, which are carried out after the transaction is durable. An
// actor, one goroutine for each conversation, feeds it. So a message key is
// erased by the transaction that uses it, and nothing leaves the device that a
// crash could make it forget or say twice.
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
package client
