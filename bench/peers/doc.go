// SPDX-License-Identifier: AGPL-3.0-or-later

// Command peers measures our MLS library, natively and as WebAssembly under
// Node, beside openmls, mls-rs and ts-mls, and prints markdown tables:
//
//	make bench-peers
//
// Each implementation is a process that answers the requests of package
// internal/testing/interop. It times the library alone; this command takes no part in
// what is measured. In every round each operation is done by one
// implementation after the other, and medians count.
//
// The groups are the same for all. In a flat one a member adds all others at
// once, so that no parent node of theirs is filled. In a populated one every
// member has committed: nobody could wait for that many commits, so its tree
// and the welcome into it are made here (see [town]), once for each
// implementation's first member. That member, and the second one, which is
// added, then commit too.
//
// Every implementation works with what it does by default, except: no padding,
// key packages of one suite, the tree beside the welcome, and an update path in
// every commit (ts-mls leaves it out of commits that only add). Lifetimes and
// signatures are verified by all. State goes to a store in memory: ours writes
// deltas, openmls all that changed as JSON, mls-rs its whole state at each join
// and epoch, as its documentation asks, and ts-mls nothing.
package main
