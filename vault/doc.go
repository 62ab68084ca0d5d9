// SPDX-License-Identifier: AGPL-3.0-or-later

// Package vault keeps encrypted, deduplicated snapshots in a storage that can
// read none of it. docs/formats/vault.md is the format.
//
// What always holds:
//   - A snapshot is acknowledged when its log entry is created; everything that it
//     needs lies in the storage and was flushed before.
//   - No step waits for a lock or looks at a clock to be safe. Clocks decide only
//     how long something forgotten can be brought back.
//   - Every byte that is returned was authenticated, and has the identifier under
//     which it was asked for.
//
// Package backup reads files into a vault, package restore writes them back. This
// package does no input and output but through [storage.Storage].
package vault
