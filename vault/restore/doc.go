// SPDX-License-Identifier: AGPL-3.0-or-later

// Package restore writes the files of a snapshot into a directory, with their
// metadata.
//
// Data is read in the order of packs, so that each pack is read about once, and
// verified before a file gets its name: a file is whole or it is missing and named
// in the result. Files that are there already with the same content stay as they
// are, so that an interrupted restore goes on where it ended.
package restore
