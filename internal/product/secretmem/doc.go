// SPDX-License-Identifier: AGPL-3.0-or-later

// Package secretmem keeps what a program has in memory from reaching the disk,
// as far as the system lets it: [Harden] forbids core dumps and looking into the
// process, [Lock] keeps the pages of a secret out of swap.
//
// Go decides where values lie. What is copied, by the language or by a library
// (a cipher keeps its key, a derivation its working memory, the environment a
// passphrase), lies elsewhere in the heap or on a stack, and is neither locked
// nor overwritten. Systems let a user lock few megabytes, so that all of the
// heap cannot be locked. Whoever must be sure switches swap off or encrypts it.
package secretmem
