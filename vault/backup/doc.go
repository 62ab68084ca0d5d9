// SPDX-License-Identifier: AGPL-3.0-or-later

// Package backup reads files into a vault and publishes a snapshot of them.
//
// One goroutine walks the directories in the order of their names, workers read,
// cut and compress. A file is read if it is new, if its size or modification time
// differ from the parent snapshots, or if its time of change does and nothing
// explains that. A directory's pages are written as soon as everything in it is
// read, so that memory holds neither the tree nor a large directory.
//
// Every so often, all that is finished is published as a partial snapshot. A run
// takes unchanged files from it, and from the whole snapshot before it, so that what
// an interrupted run had finished is neither read nor sent again.
//
// A file that cannot be read, changes or vanishes does not stop a backup: it is
// marked, counted and named to the caller.
package backup
