// SPDX-License-Identifier: AGPL-3.0-or-later

// Package frames reads and writes the three frames that make nearly all of the
// traffic of a server: the post of an entry, its acknowledgement, and the entry
// that is delivered. It does so by hand, byte for byte as package protocol has
// them, which a property test compares, and without that package's reflection.
//
// It is not for other frames, nor for telling why a frame is wrong: what is not
// exactly a valid post is left to package protocol to judge.
package frames
