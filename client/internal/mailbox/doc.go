// SPDX-License-Identifier: AGPL-3.0-or-later

// Package mailbox is the account's side of a client, on its identified connection:
// it registers the account, signs in, publishes key packages, and receives letters
// and enters the conversations that they lead to.
//
// A letter is from anybody. It is stored, deleted from the server, and opened; what
// it may make this device do before its owner answered is bounded (see the ratchet
// trees that large groups' letters lead to). One goroutine does all of it.
package mailbox
