// SPDX-License-Identifier: AGPL-3.0-or-later

// Package storage declares what a vault needs of the place where it lies: a
// flat set of named, immutable objects. docs/formats/vault.md lists the names.
//
// The safety of a vault rests on one property alone: [Storage.Create] of a name
// succeeds for one caller. Nothing depends on clocks, on the times of objects or
// on a listing that is current.
package storage
