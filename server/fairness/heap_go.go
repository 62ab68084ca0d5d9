// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build !cgo

package fairness

// outsideHeap is how much memory a process takes besides Go's heap. Without cgo the
// store's caches and memtables are in it.
const outsideHeap = 64 << 20
