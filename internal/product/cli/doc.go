// SPDX-License-Identifier: AGPL-3.0-or-later

// Package cli is the securecrypt command: it reads arguments, opens the
// profile in its folder, asks the client core and prints what it says, for
// people or as JSON Lines. docs/cli.md lists the fields and the exit codes.
//
// It holds no logic of conversations: that is in package client.
package cli
