// SPDX-License-Identifier: AGPL-3.0-or-later

// Package foreign reads the repositories of other backup programs, restic and borg,
// by running those programs: it lists their snapshots and has them mounted, one at a
// time.
//
// A mount needs no room on the disk, and nothing that a repository holds can make
// the program write a file. Passwords reach it by its own environment variables, or
// by one that is set here; neither they nor the repository's address are arguments.
package foreign
