// SPDX-License-Identifier: AGPL-3.0-or-later

// Package tree encodes and decodes directories as pages. docs/formats/vault.md,
// section Trees, has the CDDL.
//
// A directory is a B-tree of pages of at most 64 KiB, cut where a keyed hash of
// names says, so that a change rewrites one path from a leaf to the root however
// large the directory is. Pages name content by identifiers alone. They hold no
// inode number, device number or change time: a source that was copied, remounted
// or restored yields the same pages.
//
// The package does no input and output and reads no clock.
package tree
