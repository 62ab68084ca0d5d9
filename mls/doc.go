// SPDX-License-Identifier: Apache-2.0

// Package mls implements the Messaging Layer Security protocol, RFC 9420, with
// SelfRemove, components and the Safe Application Interface of
// draft-ietf-mls-extensions, and the post-quantum suites of
// draft-ietf-mls-pq-ciphersuites.
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
// A member leaves by [Group.ProposeSelfRemove], or is removed by a commit of another.
// A group ends, if it must, by a [ReInit]: [Group.Reinitialize] makes its successor,
// with another cipher suite for instance. [Group.Branch] makes a subgroup beside it.
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
// # From outside
//
// Who holds a [GroupInfo] of the present epoch, which members make with
// [Group.GroupInfo], can join without having been asked: [StageExternalJoin] builds the
// commit. A client that has lost its state rejoins in this way and has its former leaf
// removed. Members learn of it by [StagedCommit.Joiner] and [StagedCommit.Rejoins], and
// refuse by not applying.
//
// An [ExternalProposer] that the group lists may propose changes without being a member,
// and a client may propose to add itself with [ProposeOwnAdd]. A proposal that is not
// wanted is dropped with [Group.DropProposal]: as long as one waits, no data can be sent.
//
// A server needs no group: [ParseHeader] tells what it can see of a message.
//
// # Persistence
//
// The package does no I/O, reads no clock and has no randomness of its own,
// apart from what the standard library draws by itself for HPKE encapsulation and
// ECDSA keys. Each call that changes the group returns a [Delta]: small records to
// put and keys to delete, within the group's own namespace. The caller
//
//   - persists deltas in the order in which they were returned, each whole or
//     not at all, before it uses the result of the call outside,
//   - and, where persisting fails, drops the *Group and loads it again with
//     [LoadGroup].
//
// Keys that were used are deleted by the very delta that the use returned, and
// a generation of an own ratchet is spent by the delta of the message that it
// protects: a crash can therefore neither revive a used key nor use one twice.
//
// A *Group and what it returned belong to one goroutine at a time.
//
// # Extending
//
// Extensions and credentials of types that this package does not know are carried as
// they are; Capabilities lists those that the application supports, and
// [RequiredCapabilities] those that a group demands. A [CustomProposal] is one that the
// application defines. [Components] share a group without getting in each other's way:
// they keep data in the group context with [AppDataUpdate], send some along with a commit
// by [AppEphemeral], and have secrets of their own by [Group.SafeExport].
//
// # Small programs
//
// Built with the tag mls_small, the package knows neither the suites with curves of NIST
// nor X.509 credentials, which saves a program in a browser 140 KB of its download.
//
// # What it is not for
//
// The package does not decide whether a credential is genuine (RFC 9420,
// Section 5.3.1). Either the application gives it an [AuthenticationService] in its
// [Config], or it verifies the credentials of every [KeyPackage], [StagedJoin],
// [ReceivedProposal] and [StagedCommit] before it uses them. It orders nothing: the
// delivery service decides which commit of an epoch counts.
package mls
