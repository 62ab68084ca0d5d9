// SPDX-License-Identifier: AGPL-3.0-or-later

// Package storagetest has the conformance suite that every storage of vaults
// passes, and storages for tests of what uses one: [Memory], which loses what
// was not flushed when it crashes, and [Faulty], which fails at its n-th call.
package storagetest
