// SPDX-License-Identifier: Apache-2.0

// Package tree is the ratchet tree of RFC 9420, Sections 4 and 7: its public
// part, and the update paths by which members share new secrets.
//
// Nodes are immutable once they are in a tree: a change puts a new node in
// place. Clone therefore copies no more than pointers, and a staged tree shares
// with its origin whatever it did not change, parsed keys and hashes included.
// A restored tree reads single leaves as they are asked for, and the rest at once
// when more is needed.
//
// Every operation is linear in the number of leaves at most, apart from the
// verification of a joined tree, which adds the logarithm.
package tree
