// SPDX-License-Identifier: AGPL-3.0-or-later

// Package relay keeps the objects of a vault with a SecureCrypt server, under an
// account: docs/protocol.cddl describes the requests under "vaults".
//
// A storage key signs in, which a device of the account has signed once; the
// account's own keys are not needed afterwards. It stops working when the device is
// revoked. If the answer to the creation of an object is lost, the name counts as
// created by it when the object has its bytes, as package s3 explains.
//
// The server keeps what is deleted or replaced for some days: [Storage.Deletions]
// lists it, and [Storage.Undelete] takes it back. It also hashes objects on request
// ([Storage.Hashes]), which finds what its disk damaged, and proves nothing about a
// server that lies: the names of packs are the answers.
package relay
