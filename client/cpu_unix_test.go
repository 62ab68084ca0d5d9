// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build unix

package client_test

import (
	"syscall"
	"testing"
	"time"
)

// cpuTime returns the CPU time that the process has spent.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
