// SPDX-License-Identifier: AGPL-3.0-or-later

package s3test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// ErrMissing reports that this machine has no versitygw.
var ErrMissing = errors.New("needs versitygw, which `make versitygw` builds")

// The credentials of the server.
const (
	AccessKey = "test-access-key"
	SecretKey = "test-secret-key"
)

// Server is a running versitygw with one bucket.
type Server struct {
	Host   string // with the port
	Bucket string
	Dir    string // the bucket's folder
	cmd    *exec.Cmd
	log    logBuffer
	ended  chan struct{}
}

// logBuffer keeps the beginning of what the server prints.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text.Len() < 1<<16 {
		l.text.Write(b)
	}
	return len(b), nil
}

// String returns what was printed.
func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Available returns ErrMissing if this machine has no versitygw.
func Available() error {
	_, err := find()
	return err
}

// find returns the newest versitygw below .tools in the module that the test
// belongs to.
func find() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%w: the test runs outside of the module", ErrMissing)
		}
		dir = filepath.Dir(dir)
	}
	found, err := filepath.Glob(filepath.Join(dir, ".tools", "versitygw-*", "versitygw"))
	if err != nil || len(found) == 0 {
		return "", errors.Join(ErrMissing, err)
	}
	return slices.Max(found), nil
}

// Start runs a server that keeps its objects in dir.
func Start(ctx context.Context, dir string) (*Server, error) {
	return run(ctx, dir, nil, "--sidecar", filepath.Join(dir, "metadata"))
}

// StartTLS is Start with a certificate and its key.
func StartTLS(ctx context.Context, dir, cert, key string) (*Server, error) {
	return run(ctx, dir, []string{"--cert", cert, "--key", key}, "--sidecar", filepath.Join(dir, "metadata"))
}

// StartVersioned runs a server whose buckets can keep older versions.
func StartVersioned(ctx context.Context, dir string) (*Server, error) {
	versions := filepath.Join(dir, "versions")
	if err := os.MkdirAll(versions, 0o700); err != nil {
		return nil, err
	}
	return run(ctx, dir, nil, "--sidecar", filepath.Join(dir, "metadata"), "--versioning-dir", versions)
}

// StartUnconditional runs a server that ignores If-None-Match, as it keeps no
// metadata.
func StartUnconditional(ctx context.Context, dir string) (*Server, error) {
	return run(ctx, dir, nil, "--nometa")
}

func run(ctx context.Context, dir string, flags []string, backend ...string) (*Server, error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	s := &Server{Bucket: "backups", Dir: filepath.Join(dir, "root", "backups")}
	for _, d := range []string{s.Dir, filepath.Join(dir, "metadata")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
	}
	for range 10 { // another program may take the port first
		if err = s.start(ctx, program, flags, backend); err == nil {
			return s, nil
		}
	}
	return nil, err
}

func (s *Server) start(ctx context.Context, program string, flags, backend []string) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.Host = ln.Addr().String()
	if err := ln.Close(); err != nil { // versitygw does not say which port it got
		return err
	}
	s.cmd = exec.Command(program, slices.Concat([]string{"--port", s.Host, "--quiet"}, flags, []string{"posix"}, backend, []string{filepath.Dir(s.Dir)})...)
	s.cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+AccessKey, "ROOT_SECRET_KEY="+SecretKey)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.ended = make(chan struct{})
	go func() {
		defer close(s.ended)
		_ = s.cmd.Wait() // Stop kills it
	}()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Host)
		if err == nil {
			return conn.Close()
		}
		pause, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		select {
		case <-pause.Done():
		case <-s.ended:
		}
		cancel()
		select {
		case <-s.ended:
			return fmt.Errorf("versitygw did not start: %s", s.log.String())
		default:
		}
		if err := ctx.Err(); err != nil {
			s.Stop()
			return err
		}
	}
}

// Stop ends the server.
func (s *Server) Stop() {
	_ = s.cmd.Process.Kill() // it may have ended
	<-s.ended
}

// URL returns the address of a prefix in the bucket.
func (s *Server) URL(prefix string) string {
	return "s3+http://" + s.Host + "/" + s.Bucket + "/" + prefix
}
