// SPDX-License-Identifier: AGPL-3.0-or-later

package hostile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Daemon is the server program in a process of its own.
type Daemon struct {
	URL  string // http://localhost:PORT
	Host string // of its accounts' addresses
	Dir  string // data folder

	cmd   *exec.Cmd
	group string // folder of its memory cgroup, empty if it has none
	log   *os.File
}

// Build builds the server program into dir as `make build` does: without the race
// detector, and without cgo, in which the store allocates outside of Go's heap and
// what the C library does not give back to the system counts, too.
func Build(ctx context.Context, dir string) (program string, err error) {
	program = filepath.Join(dir, "securecryptd")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "github.com/securecrypt/securecrypt/cmd/securecryptd")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the server: %w: %s", err, out)
	}
	return program, nil
}

// Start starts a program that Build has built, with a data folder below dir. Its
// memory is limited by a cgroup where that can be made.
func Start(ctx context.Context, program, dir string, memory int64, args ...string) (*Daemon, error) {
	d := &Daemon{Dir: filepath.Join(dir, "data"), group: newGroup(memory)}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	d.log = log
	d.cmd = exec.CommandContext(ctx, program, append([]string{"--data", d.Dir, "serve", "--listen", "localhost:0", "--metrics", "off"}, args...)...)
	d.cmd.Stderr = log
	d.cmd.Cancel = func() error { return d.cmd.Process.Signal(syscall.SIGTERM) }
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	if d.group != "" {
		if err := os.WriteFile(filepath.Join(d.group, "cgroup.procs"), fmt.Append(nil, d.cmd.Process.Pid), 0); err != nil {
			return nil, errors.Join(err, d.Stop())
		}
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, url, ok := strings.Cut(lines.Text(), "ready at "); ok {
			d.URL, d.Host = url, strings.TrimPrefix(url, "http://")
			go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
			return d, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("the server did not start: see %s", log.Name()), d.Stop())
}

// Stop stops the process and waits for it.
func (d *Daemon) Stop() error {
	err := d.cmd.Process.Signal(syscall.SIGTERM)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	timer := time.AfterFunc(30*time.Second, func() { _ = d.cmd.Process.Kill() })
	defer timer.Stop()
	err = errors.Join(err, d.cmd.Wait(), d.log.Close())
	if d.group != "" {
		err = errors.Join(err, os.Remove(d.group))
	}
	return err
}

// Peak returns the most memory that the process had at one time, in bytes, and
// whether a cgroup limited it.
func (d *Daemon) Peak() (bytes int64, limited bool, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		return 0, false, err
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib << 10, d.group != "", err
		}
	}
	return 0, false, errors.New("the system does not tell the process's memory")
}

// newGroup makes a memory cgroup (of either version) below that of this
// process, or returns nothing.
func newGroup(limit int64) string {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		root, file := "", ""
		switch parts[1] {
		case "memory":
			root, file = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		case "":
			root, file = "/sys/fs/cgroup", "memory.max"
		default:
			continue
		}
		group, err := os.MkdirTemp(filepath.Join(root, parts[2]), "securecryptd-")
		if err != nil {
			continue
		}
		if os.WriteFile(filepath.Join(group, file), strconv.AppendInt(nil, limit, 10), 0) == nil {
			return group
		}
		_ = os.Remove(group) // a group that limits nothing
	}
	return ""
}
