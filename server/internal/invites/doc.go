// SPDX-License-Identifier: AGPL-3.0-or-later

// Package invites makes and lists the invitations of a server whose registration
// needs one. The store has only the hash of a code and its first characters;
// package server takes an invitation when an account is registered with it.
package invites
