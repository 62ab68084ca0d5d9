// SPDX-License-Identifier: AGPL-3.0-or-later

// Package localfs reads and writes files with all that belongs to them: owners,
// times, extended attributes, holes, links and devices.
//
// All work is done from an open directory, one name at a time, and no symbolic
// link is followed: neither the length of a path nor a link that somebody places
// meanwhile matters. On systems other than Linux, extended attributes, holes and
// special files are missing, and saying so is up to the caller: see
// [Capabilities].
package localfs
