// SPDX-License-Identifier: AGPL-3.0-or-later

// Package keys holds the key hierarchy of a vault: the configuration, the root
// and its wrapping, and the keys of sessions, packs, log entries and chunk
// identifiers. docs/formats/vault.md, section Keys, has every derivation.
//
// A root opens a vault. It is wrapped by HPKE (RFC 9180) with X-Wing, HKDF-SHA256
// and AES-256-GCM to each device and to the recovery key. Its only purpose is the
// vault's own X-Wing key pair: a writer needs the public half alone.
//
// The package does no input and output and reads no clock.
package keys
