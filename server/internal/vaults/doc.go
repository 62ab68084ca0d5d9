// SPDX-License-Identifier: AGPL-3.0-or-later

// Package vaults serves the vaults of accounts over HTTP: named, immutable objects
// that the server cannot read, as docs/protocol.cddl describes under "vaults".
//
// A program signs in with a storage key that a device of the account has signed,
// and gets a token. Tokens and challenges are authenticated by a key that the
// handler draws when it is made: nothing is kept about them, and a server that is
// started again asks for another sign-in. Each request is made in the name of a
// device, which the [Index] looks up: with a device that was revoked, none succeeds.
//
// Invariants: content is durable before an object has it; an object is there as a
// whole or not at all; what is deleted or replaced stays, for as long as the index
// keeps it.
package vaults
