// SPDX-License-Identifier: AGPL-3.0-or-later

package enginetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// width and height are the size of all windows, in CSS pixels.
const width, height = 1200, 800

// patience bounds everything that a browser is asked.
const patience = time.Minute

// A process is a program that runs until it is stopped.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// run starts a program.
func run(cmd *exec.Cmd) (*process, error) {
	group(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd, make(chan struct{})}
	go func() {
		_ = cmd.Wait() // it is killed
		close(p.done)
	}()
	return p, nil
}

// start starts a program and returns what follows a prefix in the first line of
// its output that begins with it.
func start(cmd *exec.Cmd, prefix string) (p *process, rest string, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = w.Close() }()
	cmd.Stdout = w
	if cmd.Stderr == nil {
		cmd.Stderr = w
	}
	if p, err = run(cmd); err != nil {
		return nil, "", errors.Join(err, r.Close())
	}
	said := make(chan string, 1)
	go func() {
		defer close(said)
		defer func() { _ = r.Close() }()
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			if rest, ok := strings.CutPrefix(lines.Text(), prefix); ok {
				said <- rest
				break
			}
		}
		_, _ = io.Copy(io.Discard, r) // or the program would wait for a reader
	}()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case rest, ok := <-said:
		if ok {
			return p, rest, nil
		}
		err = fmt.Errorf("enginetest: %s ended before it said %q", cmd.Path, prefix)
	case <-ctx.Done():
		err = fmt.Errorf("enginetest: %s did not say %q within %s", cmd.Path, prefix, patience)
	}
	p.stop()
	return nil, "", err
}

// stop ends the program with those that it started, and waits until it has ended.
func (p *process) stop() {
	end(p.cmd)
	<-p.done
}
