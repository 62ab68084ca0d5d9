// SPDX-License-Identifier: Apache-2.0

// Package mls implements the Messaging Layer Security protocol, RFC 9420,
// with the SelfRemove proposal of draft-ietf-mls-extensions and a hybrid
// post-quantum suite of draft-ietf-mls-pq-ciphersuites.
//
// # The life of a group
//
// A client publishes a [KeyPackage] and keeps the matching
// [KeyPackagePrivate]. Someone creates a group with [CreateGroup], stages a
// commit that adds the key package with [Group.Stage], sends the commit's
// message to the group and, once the delivery service has accepted it, calls
// [Group.Apply] and sends the new member its [StagedCommit.Welcome]. The new
// member inspects the [StagedJoin] that [StageJoin] returns and calls
// [StagedJoin.Apply]. From then on members call [Group.Protect] to send and
// [Group.Process] on whatever arrives.
//
// # Stages
//
// Nothing that is received changes the group before the caller agreed to it.
// Process turns bytes into one of three things: an [ApplicationMessage]
// (verified and decrypted, its key erased), a [ReceivedProposal] (verified and
// remembered) or a [StagedCommit] (fully verified, not applied). A staged
// commit tells who committed, who is added, removed or updated and which
// extensions change, so that the caller can judge policy and verify
// credentials before Apply. Refusing is not applying. Own commits are staged in
// the same way: build, send, then Apply when the server took it or Discard when
// another commit won the race.
//
// # Persistence
//
// The package does no I/O, reads no clock and has no randomness of its own,
// apart from what the standard library draws by itself for HPKE encapsulation and
// ECDSA keys. Each call that changes
// the group returns a [Delta]: small records to put and keys to delete, within
// the group's own namespace. The caller
//
//   - persists deltas in the order in which they were returned, each whole or
//     not at all, before it uses the result of the call outside,
//   - and, where persisting fails, drops the *Group and loads it again.
//
// Keys that were used are deleted by the very delta that the use returned, and
// a generation of an own ratchet is spent by the delta of the message that it
// protects: a crash can therefore neither revive a used key nor use one twice.
//
// A *Group and what it returned belong to one goroutine at a time.
//
// # What it is not for
//
// The package does not decide whether a credential is genuine: the application
// is the authentication service (RFC 9420, Section 5.3.1) and must verify the
// credentials of every [KeyPackage], [StagedJoin], [ReceivedProposal] and
// [StagedCommit] before it uses them. It orders nothing: the delivery service
// decides which commit of an epoch counts.
package mls
