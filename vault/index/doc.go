// SPDX-License-Identifier: AGPL-3.0-or-later

// Package index finds chunks in packs. [Table] is the hash table in memory, 20
// bytes a slot without pointers; [Page] is what runs write into the vault, so that
// other runs need not read every pack.
//
// An index holds nothing that packs do not hold: it can be rebuilt from them. The
// package does no input and output and reads no clock.
package index
