// SPDX-License-Identifier: AGPL-3.0-or-later

package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// A Process is a peer in a process of its own.
type Process struct {
	name   string
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *json.Decoder
	stderr *bytes.Buffer
}

// Start runs a command that answers requests, and greets it.
func Start(cmd *exec.Cmd) (*Process, Response, error) {
	p := &Process{name: cmd.Args[0], cmd: cmd, stderr: &bytes.Buffer{}}
	cmd.Stderr = p.stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, Response{}, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, Response{}, err
	}
	if err := cmd.Start(); err != nil {
		return nil, Response{}, fmt.Errorf("interop: %w", err)
	}
	p.in, p.out = in, json.NewDecoder(bufio.NewReaderSize(out, 1<<20))
	hello, err := p.Do(Request{Op: OpHello})
	if err != nil {
		return nil, hello, errors.Join(err, p.Close())
	}
	p.name = hello.Name
	return p, hello, nil
}

// Do implements Peer.
func (p *Process) Do(q Request) (r Response, err error) {
	line, err := json.Marshal(q)
	if err != nil {
		return r, err
	}
	if _, err = p.in.Write(append(line, '\n')); err == nil {
		err = p.out.Decode(&r)
	}
	if err != nil {
		return r, fmt.Errorf("%s: %s: %w: %s", p.name, q.Op, err, p.stderr)
	}
	if r.Error != "" {
		return r, refusal(p.name, q, strings.TrimSpace(r.Error))
	}
	return r, nil
}

// Close ends the process.
func (p *Process) Close() error {
	if err := errors.Join(p.in.Close(), p.cmd.Wait()); err != nil {
		return fmt.Errorf("%s: %w: %s", p.name, err, p.stderr)
	}
	return nil
}
