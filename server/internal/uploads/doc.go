// SPDX-License-Identifier: AGPL-3.0-or-later

// Package uploads serves encrypted blobs over HTTP: uploads that can be resumed
// (tus 1.0.0 with the extensions creation, expiration and termination), and
// downloads with ranges. Who knows an upload's token may write and delete, who
// knows the identifier may read.
//
// A [Handler] is made from a [Config]. What is known about blobs is in its
// [Index], their bytes in its [Content]. It does not delete expired blobs: the
// owner of both does.
//
// Invariants: a row never counts bytes that are not durable; announcing a length
// reserves nothing, and what arrives is counted for the sender's origin; one
// request at a time writes to a blob, the newest.
package uploads
