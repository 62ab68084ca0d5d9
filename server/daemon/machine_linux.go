// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// uptime tells how long the machine has been running, sleep included.
func uptime() (boot string, up time.Duration) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return "", time.Since(processStart)
	}
	return bootID, time.Duration(ts.Nano())
}

// bootID names this run of the machine; it is empty where the kernel does not tell.
var bootID = func() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}()

// identify returns what tells a file from a copy of it.
func identify(path string) (fileIdentity, error) {
	var stat unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_INO|unix.STATX_BTIME, &stat); err != nil {
		return fileIdentity{}, &os.PathError{Op: "statx", Path: path, Err: err}
	}
	id := fileIdentity{Inode: stat.Ino, Device: unix.Mkdev(stat.Dev_major, stat.Dev_minor)}
	if stat.Mask&unix.STATX_BTIME != 0 {
		id.Born = stat.Btime.Sec*int64(time.Second) + int64(stat.Btime.Nsec)
	}
	return id, nil
}
