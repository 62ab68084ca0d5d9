// SPDX-License-Identifier: AGPL-3.0-or-later

// Package mountfs shows snapshots as a file system, by FUSE, on Linux and macOS. It
// can be read and not be changed.
//
// Every byte goes through the verification of vault.Reader: what is damaged is an
// input or output error (EIO), and its path is passed to Options.Warn. A snapshot
// never changes, so the kernel may keep what it has read; snapshots that are
// published later are not shown.
//
// Memory is bounded by three limits: decoded pages and chunks by Options.Cache, in
// bytes; names of files that the kernel remembers by maxNames; what vault.Reader
// keeps by its own. Directories that the kernel remembers are not bounded.
package mountfs
