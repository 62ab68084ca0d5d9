// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// smallestLimit is how much memory Go's collector is to keep to, in bytes: with ten
// million chunks in the vault, whose table takes 240 MB, the process stays below 350 MB.
const smallestLimit = 300e6

// limitMemory has the collector keep to smallestLimit, or to a little more than what
// is in use where that is more. By default it would let garbage take as much memory as
// the table of chunks, which has no pointers and costs it nothing to collect around.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetMemoryLimit(smallestLimit)
	watchHeap()
}

// heapWatch is an object that the collector finds dead each time that it has run.
type heapWatch struct{ _ [16]byte }

// watchHeap adjusts the limit after each collection: a limit below what is in use
// would have the collector run all the time.
func watchHeap() {
	runtime.SetFinalizer(new(heapWatch), func(*heapWatch) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		used := int64(live[0].Value.Uint64())
		debug.SetMemoryLimit(max(smallestLimit, used+used/8+32<<20))
		watchHeap()
	})
}
