// SPDX-License-Identifier: Apache-2.0

// Package mpt hashes Merkle Patricia trees and makes and verifies their proofs,
// in the format of filippo.io/torchwood/mpt v0.10.0.
//
// A tree holds distinct keys with values. A leaf's hash is H(0 || varint(len(key)) || key ||
// varint(len(value)) || value), the hash of an inner node H(1 || varint(bit) || left || right),
// where H is SHA-256 and bit the index of the first bit in which the keys below the node differ.
// The empty tree has the hash H("").
//
// A key is extended by the byte 0x00 and then by 0xff without end, so that no key is
// a prefix of another. Bits are counted from the most significant bit of the first byte.
//
// A proof is a list of steps from the leaf to the root, each varint(bit) || hash of the
// sibling, with bits strictly decreasing. A proof of absence begins with the leaf that a lookup
// reaches instead. All varints are of the shortest form.
//
// Nothing in this package stores a tree: its functions take the sorted items of a tree.
package mpt
