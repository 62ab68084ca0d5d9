// SPDX-License-Identifier: AGPL-3.0-or-later

package foreign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ErrEnded is why a mount ended before it was closed.
var ErrEnded = errors.New("it stopped showing the snapshot")

// A Mount is a snapshot that a program shows as a directory.
type Mount struct {
	// Dir is the root of the snapshot.
	Dir string
	// Ended is closed when the program has ended.
	Ended <-chan struct{}

	point    string    // that it is mounted on
	reserved io.Closer // of point
	cmd      *exec.Cmd
	said     *tail // valid once Ended is closed
	repo     *Repository
}

// mountPrefix begins the names of the directories that are mounted on.
const mountPrefix = "securecrypt-import-"

// How long a program may take, and how often it is looked whether it has mounted.
const (
	closeWait = 10 * time.Second
	lookEvery = 20 * time.Millisecond
)

// Mount has the program show a snapshot.
func (r *Repository) Mount(ctx context.Context, s *Snapshot) (*Mount, error) {
	if err := mountable(); err != nil {
		return nil, err
	}
	if err := removeStale(); err != nil {
		return nil, err
	}
	point, err := os.MkdirTemp("", mountPrefix)
	if err != nil {
		return nil, err
	}
	reserved, err := reserve(point)
	if err != nil {
		return nil, errors.Join(err, os.Remove(point))
	}
	args, below := r.mount(s, point)
	ended := make(chan struct{})
	m := &Mount{Dir: filepath.Join(point, below), Ended: ended, point: point, reserved: reserved, cmd: exec.Command(r.path, args...), said: new(tail), repo: r}
	m.cmd.Env, m.cmd.Stderr, m.cmd.SysProcAttr = r.env, m.said, attributes()
	if err := m.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.Remove(point), reserved.Close())
	}
	go func() {
		_ = m.cmd.Wait() // what it said tells more
		close(ended)
	}()
	if err := m.await(ctx); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// await returns once the snapshot can be seen.
func (m *Mount) await(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if isMounted(m.point) {
			_, err := os.Stat(m.Dir)
			return err
		}
		select {
		case <-tick.C:
		case <-m.Ended:
			return m.Err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Err says why the program ended. It is called once Ended is closed.
func (m *Mount) Err() error { return m.repo.failure(m.said, ErrEnded) }

// Close ends the mount and the program.
func (m *Mount) Close() error {
	var unmounted error
	if isMounted(m.point) {
		unmounted = unmount(m.point)
	} else {
		_ = m.cmd.Process.Kill() // it has ended, or has not mounted
	}
	timer := time.NewTimer(closeWait)
	defer timer.Stop()
	select {
	case <-m.Ended:
	case <-timer.C:
		_ = m.cmd.Process.Kill() // as above
		<-m.Ended
	}
	if isMounted(m.point) {
		return fmt.Errorf("%s is still mounted (%w): run fusermount3 -u %s", m.point, unmounted, m.point)
	}
	return errors.Join(os.Remove(m.point), m.reserved.Close())
}

// unmountBy runs a command that unmounts.
func unmountBy(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}
