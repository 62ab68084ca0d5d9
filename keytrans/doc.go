// SPDX-License-Identifier: Apache-2.0

// Package keytrans verifies what a key transparency log says about accounts, so that
// a server shows everybody the same keys or is caught. It has the formats of the log, the
// verification that clients do, and the signatures of logs, witnesses and auditors.
//
// # The log
//
// A log is an append-only tree of leaves (RFC 6962) in the formats of C2SP: checkpoints are
// signed notes (c2sp.org/signed-note, tlog-checkpoint) that any witness cosigns
// (tlog-cosignature, tlog-witness), and tiles (tlog-tiles) have the tree. A leaf is
// a Mutation of an account's entry, a Root of the map of all entries, or one of
// Release, Bundle, Canary, PolicyChange and Succession. The last leaf under each checkpoint is
// a Root.
//
// The map leads from the Label of a name, an output of a verifiable random function
// (c2sp.org/vrf-r255), to the hash of a Value: the head of the account's chain of statements and
// a counter of the mutations. Its tree is that of filippo.io/torchwood/mpt. Package prefixmap
// keeps and proves it, package audit replays it, and package witness decides what a witness
// cosigns.
//
// # Verification
//
// What comes from a log goes through four types: bytes, what was decoded (UnverifiedProof,
// UnverifiedHead, UnverifiedRecord), what is proved in the trees, and what is trusted (Entry,
// Head, Record). Nothing but Verify, Policy.VerifyHead and VerifyRecord makes a trusted
// value. A client
//
//   - pins a Policy: the log's keys, the quorum of witnesses and auditors, the VRF key;
//   - sends the name and the size of the head that it holds, and gets an answer;
//   - decodes the answer with Query.Parse and verifies it with Verify;
//   - compares its own entry with what it published (Entry.CheckOwn), and an account's chain
//     with the entry (Entry.CheckChain);
//   - holds the Head for the next query, and remembers the Known value of the name.
//
// The quorum dates a head: up to the latest time at which the quorum is met by cosignatures that
// are not older, the head was the newest. The log's own clock does not count.
//
// # What is caught
//
// A server that shows a victim another entry must put it into the map of a cosigned head. Then
// the owner finds a counter that is not her own, if need be later, because counters never go
// back; or the auditor, whose cosignature the head needs, finds a map that does not follow from the
// leaves. A server that shows two heads of one size has signed evidence against itself
// (ForkError). One that shows an old head is refused when its cosignatures are too old.
// CHECKS.md lists every check.
//
// # What is not caught
//
// The package does not verify account chains. A server that shows a chain with other keys than
// the owner's, properly logged, is caught by the owner alone, when she compares her entry.
// Times of mutations of a label are public, although its name is not. If a quorum of
// witnesses and auditors colludes with the server, a fork shows only when two clients compare
// their heads (CheckFork, VerifyGrowth).
//
// # Use
//
// The package does no input and output and reads no clock: the caller passes bytes and the time.
// Errors of checks match ErrInvalid and have a rule (BrokenRule), errors of decoders match
// ErrMalformed. They repeat nothing that was received but numbers. Values are not changed after they
// are made, and may be used concurrently.
package keytrans
