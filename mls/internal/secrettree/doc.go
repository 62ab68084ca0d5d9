// SPDX-License-Identifier: Apache-2.0

// Package secrettree derives the keys of messages (RFC 9420, Section 9).
//
// The state of one epoch's tree lies in small records of a [Store]: one per node
// secret that is not consumed yet, two per sender whose ratchets were opened, and
// one per key of a skipped message. Opening a sender's ratchets consumes the
// node secrets above it, and every use of a key deletes it (Section 9.2). The
// functions change the store in place: the caller gives them an overlay, and
// drops it if the message turns out to be bad.
//
// An [Exporter] is a tree of the same kind, with a secret for each component of the
// application instead of two ratchets for each sender.
//
// How far a message may skip and how many skipped keys are held is bounded by
// [Limits], so that a peer's generation number controls neither time nor
// memory.
package secrettree
