// SPDX-License-Identifier: AGPL-3.0-or-later

package fault

import (
	"time"
	"unsafe"
)

// hasMonotonic is set in the wall field of times that have a monotonic reading,
// see package time.
const hasMonotonic = 1 << 63

// SetWall moves the wall clock's reading of a time by whole seconds and leaves the
// monotonic one, as if somebody had set the machine's clock. Time.Add moves both.
func SetWall(t time.Time, by time.Duration) time.Time {
	wall := (*uint64)(unsafe.Pointer(&t)) // the first field
	if *wall&hasMonotonic == 0 {
		return t.Add(by)
	}
	*wall += uint64(by/time.Second) << 30 // seconds lie above the 30 bits of nanoseconds
	return t
}
