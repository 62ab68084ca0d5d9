// SPDX-License-Identifier: Apache-2.0

// Package wire holds the structures that RFC 9420 and draft-ietf-mls-extensions put on
// the wire or under a signature, with their encoding. Decoding establishes syntax only: what the
// values mean and whether they are allowed is decided elsewhere.
//
// Every structure has exactly one encoding, so that decoding and encoding again
// gives the same bytes. Decoded structures alias the bytes they were decoded
// from; leaves and key packages remember them, since they are hashed and
// signed again and again, and must be treated as immutable.
package wire
