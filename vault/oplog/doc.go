// SPDX-License-Identifier: AGPL-3.0-or-later

// Package oplog encodes, signs, seals and verifies the entries of a vault's log,
// and computes from them what holds: devices, snapshots, and which packs were
// given up. docs/formats/vault.md, section Log, has the CDDL.
//
// Entries are numbered from 0 on without gaps, and each has the hash of the object
// before it, so that two devices with the same last entry have the same log. An
// entry is published by creating its object, which succeeds for one device alone.
// This order replaces locks and clocks: a sweep of packs comes either before a
// snapshot, whose writer then sees it, or behind it, and then the snapshot needs
// none of those packs.
//
// The package does no input and output and reads no clock.
package oplog
