// SPDX-License-Identifier: AGPL-3.0-or-later

// Package console is what all commands of securecrypt share: their streams and
// flags, sentences for people, JSON Lines, errors with exit codes, the passphrase,
// and keys that are kept in a folder under it.
//
// It knows neither accounts nor vaults: package cli and package vaultcli have
// their commands.
package console
