// SPDX-License-Identifier: AGPL-3.0-or-later

// Package vaultcopy copies snapshots of one vault into another, which has other
// keys. It reads every file through the verification of the first vault and writes
// it as a backup into the second would, so that the copies share their data with
// what is backed up there.
//
// A run that was interrupted is run again: snapshots that are there are left out,
// and data that was sent is found. Data that the first vault has lost is marked in
// the copy as unreadable, counted and named to the caller.
package vaultcopy
