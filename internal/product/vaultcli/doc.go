// SPDX-License-Identifier: AGPL-3.0-or-later

// Package vaultcli has the commands of securecrypt vault: it opens a vault with the
// keys that this device keeps of it, runs what package vault and those below it
// offer, and prints what they say. docs/cli.md lists the fields and the exit codes.
//
// A vault needs no account, and these commands know of none.
package vaultcli
