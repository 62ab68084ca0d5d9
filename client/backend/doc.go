// SPDX-License-Identifier: AGPL-3.0-or-later

// Package backend declares what a client needs from outside: a Store for its
// state, a Transport that reaches servers, the machine's Files, and a Logger.
// client/store, client/transport and client/files have implementations;
// client/store/storetest is the conformance suite of stores. The package itself
// does no input and output.
package backend
