// SPDX-License-Identifier: Apache-2.0

// Package prefixmap keeps the root hash of a large map from labels to hashes, and
// proves what the map has, in the format of filippo.io/torchwood/mpt v0.10.0.
//
// The items lie in a store of the caller's, sorted by label. Inner nodes are not stored. A
// Map has in memory the hashes of the upper tree only: of the 65,536 buckets, which are the
// items whose labels share their first 16 bits, and of the nodes above them, 4 MiB at
// most. What lies below is recomputed from the bucket's items when it is needed: at 10
// million labels a bucket has about 153.
//
// A Map never changes. With returns another one that shares what is the same, so that proofs
// can be made for a published root while mutations go on, given a store that shows
// the items of that moment (a snapshot of a database). Whoever writes stages the
// new Map first, stores the items, and then lets the new Map take the place of the old one.
//
// The package verifies nothing: keytrans.Verify does.
package prefixmap
