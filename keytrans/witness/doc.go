// SPDX-License-Identifier: Apache-2.0

// Package witness decides what a witness cosigns (c2sp.org/tlog-witness): checkpoints of logs that
// it knows, each of which extends the one before. It says nothing about the leaves under them;
// that is for package audit.
//
// A Witness has no store, clock or network of its own. AddCheckpoint takes the body of a request and
// returns that of the answer; Status tells the HTTP status of an error. The checkpoint is in the
// store, with the log's signatures and the witness's, before the answer leaves. Of two
// requests at one time, the store takes one.
//
// Checkpoints with extension lines are refused, which the specification does not demand:
// an ML-DSA-44 cosignature would not cover them.
package witness
