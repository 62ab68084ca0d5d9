// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build linux

package secretmem_test

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/securecrypt/securecrypt/internal/product/secretmem"
)

// locked returns how many KiB of this process are locked.
func locked(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`VmLck:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		t.Fatal("no VmLck")
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestLockedPagesAreLocked(t *testing.T) {
	before := locked(t)
	secret := make([]byte, 3*os.Getpagesize())
	if !secretmem.Lock(secret[100:200]) {
		t.Skip("this system lets no page be locked")
	}
	if grown := locked(t) - before; grown < 3*os.Getpagesize()>>10 {
		t.Errorf("%d KiB were locked", grown)
	}
	if !secretmem.Lock([]byte(nil)) || !secretmem.Lock(new([32]byte)) {
		t.Error("nothing, or a key, could not be locked")
	}
}

func TestHardenedProcessesLeaveNoCore(t *testing.T) {
	if err := secretmem.Harden(); err != nil {
		t.Fatal(err)
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil || dumpable != 0 {
		t.Errorf("dumpable %d, %v", dumpable, err)
	}
	var core unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil || core != (unix.Rlimit{}) {
		t.Errorf("limit %+v, %v", core, err)
	}
}
