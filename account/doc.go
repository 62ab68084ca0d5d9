// SPDX-License-Identifier: AGPL-3.0-or-later

// Package account is who somebody is: an address, and a chain of signed
// statements that says which devices may speak for it.
//
// A chain begins with a create statement, which names the address, the public
// recovery key and the first device, and which both keys sign. Every further
// statement carries the hash of the one before. The formats are in
// docs/formats.md.
//
// Bytes become trusted in two steps: ParseStatement yields an
// UnverifiedStatement, well-formed and nothing more; Verify yields a Chain,
// whose address, devices and recovery key can be relied on. Statements other
// than create have an encoding already, but Verify refuses a chain that
// contains one with ErrNotSupported.
//
// Invariants: a value has one encoding; a Chain never changes; the package
// reads no clock, does no I/O and takes its randomness from the caller; secrets
// do not show when printed or logged; errors do not repeat what was parsed.
//
// The package is not for proving that everybody sees the same chain: that is
// the log's, in keytrans.
package account
