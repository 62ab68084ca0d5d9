// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build unix

package secretmem

import (
	"fmt"
	"reflect"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Harden forbids core dumps of this process and, on Linux, other processes of
// the same user to read its memory or environment.
func Harden() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("secretmem: setrlimit: %w", err)
	}
	return undumpable()
}

// Lock keeps the pages that hold a secret out of swap until the process ends:
// the bytes of a slice, or the value behind a pointer, though not what that
// points to. It reports whether the system let it.
func Lock(secret any) bool {
	v := reflect.ValueOf(secret)
	size := uintptr(0)
	switch v.Kind() {
	case reflect.Slice:
		size = uintptr(v.Cap()) * v.Type().Elem().Size()
	case reflect.Pointer:
		size = v.Type().Elem().Size()
	default:
		panic("secretmem: neither a slice nor a pointer")
	}
	if size == 0 {
		return true
	}
	// The system takes whole pages: it rounds the address down, and the end up.
	return unix.Mlock(unsafe.Slice((*byte)(v.UnsafePointer()), size)) == nil
}
