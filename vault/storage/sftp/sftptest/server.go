// SPDX-License-Identifier: AGPL-3.0-or-later

package sftptest

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// ErrMissing reports that this machine cannot run sshd.
var ErrMissing = errors.New("needs sshd, which `make openssh` installs")

// privilegeFolder is what sshd requires when root runs it.
const privilegeFolder = "/run/sshd"

// Server is a running sshd.
type Server struct {
	User       string
	Host, Port string
	Dir        string // its files: configuration, keys, known_hosts, identity
	cmd        *exec.Cmd
	ended      chan struct{}
}

// Start runs sshd with its files in dir. lines are added to its configuration. It
// makes a key pair in the file identity, which may log in, and the file
// known_hosts.
func Start(dir string, lines ...string) (*Server, error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	current, err := user.Current()
	if err != nil {
		return nil, err
	}
	s := &Server{User: current.Username, Host: "127.0.0.1", Dir: dir}
	host, err := s.writeKey("host_key")
	if err != nil {
		return nil, err
	}
	identity, err := s.writeKey("identity")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(s.File("authorized_keys"), ssh.MarshalAuthorizedKey(identity), 0o600); err != nil {
		return nil, err
	}
	for range 10 { // another program may take the port first
		if err = s.start(program, lines); err == nil {
			return s, s.KnowHost(host)
		}
	}
	return nil, err
}

// Available returns ErrMissing if this machine cannot run sshd.
func Available() error {
	_, err := find()
	return err
}

// find returns the path of sshd; it refuses to run under a relative one.
func find() (string, error) {
	program, err := exec.LookPath("sshd")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/sshd")
	}
	if err != nil {
		return "", fmt.Errorf("%w (%w)", ErrMissing, err)
	}
	if _, err := os.Stat(privilegeFolder); err != nil && os.Getuid() == 0 {
		return "", fmt.Errorf("%w (as root, with the folder %s: %w)", ErrMissing, privilegeFolder, err)
	}
	return filepath.Abs(program)
}

// File returns the path of one of the server's files.
func (s *Server) File(name string) string { return filepath.Join(s.Dir, name) }

// Address returns the host and port.
func (s *Server) Address() string { return net.JoinHostPort(s.Host, s.Port) }

// URL returns the address of a folder on the server.
func (s *Server) URL(path string) string {
	return "sftp://" + s.User + "@" + s.Address() + filepath.ToSlash(path)
}

// KnowHost writes known_hosts with a host key.
func (s *Server) KnowHost(key ssh.PublicKey) error {
	return os.WriteFile(s.File("known_hosts"), []byte(knownhosts.Line([]string{s.Address()}, key)+"\n"), 0o600)
}

// NewKey returns a key pair: the private key as the text of an identity file,
// encrypted if the passphrase is not empty.
func NewKey(passphrase string) (ssh.PublicKey, ed25519.PrivateKey, []byte, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(private, "test")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "test", []byte(passphrase))
	}
	if err != nil {
		return nil, nil, nil, err
	}
	key, err := ssh.NewPublicKey(public)
	return key, private, pem.EncodeToMemory(block), err
}

func (s *Server) writeKey(name string) (ssh.PublicKey, error) {
	key, _, text, err := NewKey("")
	if err != nil {
		return nil, err
	}
	return key, os.WriteFile(s.File(name), text, 0o600)
}

// Authorize lets another key log in.
func (s *Server) Authorize(key ssh.PublicKey) (err error) {
	f, err := os.OpenFile(s.File("authorized_keys"), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.Write(ssh.MarshalAuthorizedKey(key))
	return err
}

func (s *Server) start(program string, lines []string) error {
	ln, err := net.Listen("tcp", net.JoinHostPort(s.Host, "0"))
	if err != nil {
		return err
	}
	s.Port = strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
	if err := ln.Close(); err != nil { // sshd cannot choose a port itself
		return err
	}
	config := append([]string{
		"ListenAddress " + s.Address(), "HostKey " + s.File("host_key"), "AuthorizedKeysFile " + s.File("authorized_keys"), "PidFile none",
		"StrictModes no", "UsePAM no", "PasswordAuthentication no", "KbdInteractiveAuthentication no", "PermitRootLogin prohibit-password",
		"MaxStartups 100", "LogLevel INFO",
	}, lines...)
	if !strings.Contains(strings.Join(lines, "\n"), "Subsystem") {
		config = append(config, "Subsystem sftp internal-sftp")
	}
	if err := os.WriteFile(s.File("sshd_config"), []byte(strings.Join(config, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	s.cmd = exec.Command(program, "-D", "-e", "-f", s.File("sshd_config"))
	log, err := s.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	ready := make(chan error, 1)
	go watch(log, ready)
	err = <-ready
	s.ended = make(chan struct{})
	go func() {
		defer close(s.ended)
		_ = s.cmd.Wait() // Stop kills it
	}()
	if err != nil {
		s.Stop()
	}
	return err
}

// watch reads the log of sshd. It reports once that the server listens, or why
// not. The processes of connections may hold the log open after its end.
func watch(log io.Reader, ready chan<- error) {
	var text bytes.Buffer
	scanner := bufio.NewScanner(log)
	for scanner.Scan() {
		if strings.HasPrefix(scanner.Text(), "Server listening on ") {
			ready <- nil
			_, _ = io.Copy(io.Discard, log) // so that it does not fill
			return
		}
		text.WriteString(scanner.Text() + "\n")
	}
	ready <- fmt.Errorf("sshd did not start: %s", text.String())
}

// Stop ends the server; connections that are open stay until they are closed.
func (s *Server) Stop() {
	_ = s.cmd.Process.Kill() // it may have ended
	<-s.ended
}
