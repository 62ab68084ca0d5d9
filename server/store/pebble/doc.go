// SPDX-License-Identifier: AGPL-3.0-or-later

// Package pebble is the embedded [server.Store]: a log-structured store in one
// folder, on github.com/cockroachdb/pebble.
//
// Group commit: update functions run one after the other, each on a batch of
// its own that is put into the write-ahead log at once and synced afterwards,
// outside the lock; all batches that wait for the disk share one sync. A
// function that fails drops its own batch and no other.
//
// Because a batch is visible before it is durable, View waits, after its
// function has run, until everything that it could see is durable.
//
// The folder belongs to one process at a time. Keys and values are described
// in keys.go and values.go; a change to either raises formatVersion.
//
// The package is not for several nodes on one store.
package pebble
