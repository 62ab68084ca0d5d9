// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build cgo

package fairness

// outsideHeap is how much memory a process takes besides Go's heap. With cgo the
// store's caches and memtables are the C library's, which keeps some of what was
// freed.
const outsideHeap = 192 << 20
