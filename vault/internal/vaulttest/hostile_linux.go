// SPDX-License-Identifier: AGPL-3.0-or-later

package vaulttest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// HostileTree makes everything that a file system has and a program may stumble
// over. What needs root is left out for other users.
func HostileTree(t testing.TB, dir string) {
	must := func(err error) { t.Helper(); Must(t, err) }
	write := func(name string, content []byte) { Write(t, filepath.Join(dir, name), content) }
	write("names/\xff\xfe not UTF-8", []byte("1"))
	write("names/line\nend and \x1b[31mcolour", []byte("2"))
	write("names/"+strings.Repeat("n", 255), []byte("3"))
	write("names/ ", []byte("4"))
	write("names/-rf", []byte("5"))
	write("names/é", []byte("composed"))
	write("names/é", []byte("decomposed"))
	write("empty", nil)
	must(os.Mkdir(filepath.Join(dir, "empty dir"), 0o700))
	must(os.Symlink("/nowhere/\xff", filepath.Join(dir, "dangling")))
	must(os.Symlink("..", filepath.Join(dir, "up")))
	must(syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o640))
	l, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err == nil { // the path may be too long for a socket
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		must(l.Close())
	}
	write("links/a", Random(1, 70000))
	must(os.Link(filepath.Join(dir, "links/a"), filepath.Join(dir, "links/b")))
	must(os.Link(filepath.Join(dir, "links/a"), filepath.Join(dir, "other name")))
	must(os.Chmod(filepath.Join(dir, "links/a"), 0o4751))
	write("modes/none", []byte("nobody may read it, but for root"))
	must(os.Chmod(filepath.Join(dir, "modes/none"), 0o000|0o400))
	write("modes/read-only dir/file", []byte("x"))
	must(os.Chmod(filepath.Join(dir, "modes/read-only dir"), 0o555))
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "modes/read-only dir"), 0o755) })
	must(os.Mkdir(filepath.Join(dir, "modes/sticky"), 0o700))
	must(os.Chmod(filepath.Join(dir, "modes/sticky"), 0o777|os.ModeSticky|os.ModeSetgid))
	Sparse(t, filepath.Join(dir, "sparse"), 64<<20, map[int64]int{0: 4096, 10 << 20: 300000, 40 << 20: 4096})
	Sparse(t, filepath.Join(dir, "hole"), 1<<30, nil)
	for name, value := range map[string][]byte{"user.small": []byte("value"), "user.empty": {}, "user.large": Random(9, 3000)} {
		if err := unix.Setxattr(filepath.Join(dir, "empty"), name, value, 0); err != nil {
			t.Logf("extended attributes: %v", err)
		}
	}
	_ = unix.Setxattr(filepath.Join(dir, "empty dir"), "user.dir", []byte("d"), 0) // as above
	deep := dir
	for i := range 30 {
		deep = filepath.Join(deep, fmt.Sprintf("deep%d", i))
	}
	Write(t, filepath.Join(deep, "bottom"), []byte("deep"))
	if os.Getuid() == 0 {
		write("owned", []byte("by somebody else"))
		must(os.Lchown(filepath.Join(dir, "owned"), 12345, 54321))
		must(os.Lchown(filepath.Join(dir, "dangling"), 1, 1))
		must(unix.Mknod(filepath.Join(dir, "device"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))))
		must(unix.Mknod(filepath.Join(dir, "block"), unix.S_IFBLK|0o600, int(unix.Mkdev(7, 200))))
		_ = unix.Setxattr(filepath.Join(dir, "owned"), "trusted.root", []byte("only"), 0) // as above
	}
	old := time.Date(1969, 12, 31, 23, 59, 59, 123456789, time.UTC)
	must(os.Chtimes(filepath.Join(dir, "names"), old, old))
	must(os.Chtimes(filepath.Join(dir, "empty"), time.Time{}, time.Date(2105, 1, 2, 3, 4, 5, 6, time.UTC)))
}

// Sparse makes a file with data at some offsets and holes elsewhere.
func Sparse(t testing.TB, path string, size int64, data map[int64]int) {
	f, err := os.Create(path)
	Must(t, err)
	Must(t, f.Truncate(size))
	for at, n := range data {
		_, err := f.WriteAt(Random(uint64(at), n), at)
		Must(t, err)
	}
	Must(t, errors.Join(f.Sync(), f.Close()))
}
