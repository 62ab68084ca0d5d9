// SPDX-License-Identifier: AGPL-3.0-or-later

// Package keys holds the key hierarchy of a vault: the configuration, the root
// and its wrapping, and the keys of sessions, packs, log entries and chunk
// identifiers. docs/formats/vault.md, section Keys, has every derivation.
//
// A root opens an epoch of a vault. It is wrapped by HPKE (RFC 9180) with X-Wing,
// HKDF-SHA256 and AES-256-GCM to each full device and to the recovery key. Its only
// purpose is the vault's own X-Wing key pair: a write-only device has the public half
// alone, and keys of identifiers of its own, by a grant that a full device signs.
//
// A keyring takes the roots of all objects that it is given, and the log chooses:
// Advance begins an epoch by the fingerprint of its root, so that nothing follows
// from what somebody can write to a storage.
//
// The package does no input and output and reads no clock.
package keys
