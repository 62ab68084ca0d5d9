// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build linux

package e2e_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/securecrypt/securecrypt/internal/product/secretmem"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// crashing runs a shell command with the greatest limit for core files, hands
// fn the process once it has written a line, and aborts it. It reports whether
// the process dumped core.
func crashing(t *testing.T, dir, command string, fn func(pid int)) bool {
	t.Helper()
	cmd := exec.Command("sh", "-c", "ulimit -c $(ulimit -H -c) && "+command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOTRACEBACK=crash", "SECURECRYPT_PASSPHRASE=correct horse battery staple")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewReader(out)
	if _, err := lines.ReadString('\n'); err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	fn(cmd.Process.Pid)
	must(t, cmd.Process.Signal(syscall.SIGABRT))
	_, _ = io.Copy(io.Discard, lines)
	var ended *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &ended) {
		t.Fatalf("%s ended with %v", command, err)
	}
	status := ended.Sys().(syscall.WaitStatus)
	if !status.Signaled() {
		t.Fatalf("%s was not ended by a signal: %v", command, ended)
	}
	return status.CoreDump()
}

// A crash of either program leaves no core, whatever the limit was that it was
// started with, and nobody but root looks into them.
func TestCrashesLeaveNoCore(t *testing.T) {
	dir := t.TempDir()
	if !crashing(t, dir, "echo ready && exec sleep 100", func(int) {}) {
		t.Log("this system writes no cores at all: the limits alone are looked at")
	}
	check := func(pid int) {
		limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
		must(t, err)
		if !regexp.MustCompile(`Max core file size +0 +0 `).Match(limits) {
			t.Errorf("limits:\n%s", limits)
		}
		info, err := os.Stat(fmt.Sprintf("/proc/%d/environ", pid))
		must(t, err)
		if owner := info.Sys().(*syscall.Stat_t).Uid; owner != 0 {
			t.Errorf("the process can be looked into by user %d", owner)
		}
	}
	if crashing(t, dir, "exec securecryptd serve --data crashed --listen 127.0.0.1:0", check) {
		t.Error("the server dumped core")
	}
	host := servertest.Start(t, servertest.Options{Memory: true}).Host
	init := exec.Command("securecrypt", "--home", "a", "init", "--server", "http://"+host, "--name", "alice", "--no-passphrase")
	init.Dir = dir
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lockable := secretmem.Lock(new([32]byte))
	if crashing(t, dir, "exec securecrypt --home a -v receive --follow 2>&1", func(pid int) {
		check(pid)
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		must(t, err)
		if lockable == regexp.MustCompile(`VmLck:\s+0 kB`).Match(status) {
			t.Errorf("the keys are not kept out of swap:\n%s", status)
		}
	}) {
		t.Error("the client dumped core")
	}
	cores, err := filepath.Glob(filepath.Join(dir, "core*"))
	must(t, err)
	if len(cores) > 1 { // the first is that of the program that is to dump one
		t.Errorf("cores lie here: %q", cores)
	}
}
