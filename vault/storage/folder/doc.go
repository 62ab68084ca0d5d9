// SPDX-License-Identifier: AGPL-3.0-or-later

// Package folder keeps the objects of a vault as files below a folder: a local
// disk, or a share of the network that has hard links or renames without
// replacing.
//
// An object is written to a file without a name (O_TMPFILE), or to a temporary
// one where the system lacks that, flushed to the disk and then linked to its
// name, which fails if the name is taken. Folders have mode 0700, files 0600.
// Whoever can write to the folder can destroy the vault: the package protects
// from crashes and from other devices of the vault, not from that.
package folder
