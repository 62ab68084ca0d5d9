// SPDX-License-Identifier: AGPL-3.0-or-later

// Package account is who somebody is: an address, and a chain of signed
// statements that says which devices may speak for it.
//
// A chain begins with a create statement, which names the address, the public
// recovery key and the first device, and which both keys sign. Every further
// statement carries the hash of the one before: devices come and go, the recovery
// key is replaced, the account is reset, moves or closes. RULES.md says who signs
// what, and lists all that is refused; the formats are in docs/formats.md.
//
// Bytes become trusted in two steps: ParseStatement yields an
// UnverifiedStatement, well-formed and nothing more; Verify yields a Chain,
// whose address, devices and recovery key can be relied on. Append verifies one
// more statement. A State is what a chain comes to, without its statements: it can
// be stored, and is enough to verify the next one. State.Draft begins a new
// statement, which one or several devices sign.
//
// Some statements take effect only when time has passed. The package believes no
// signer's clock: the caller says when each statement became public, and what it
// cannot prove has not passed.
//
// Invariants: a value has one encoding; a Chain and a State never change; the package
// reads no clock, does no I/O and takes its randomness from the caller; secrets
// do not show when printed or logged; errors do not repeat what was parsed.
//
// The package is not for proving that everybody sees the same chain: that is
// the log's, in keytrans.
package account
