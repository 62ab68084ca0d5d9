// SPDX-License-Identifier: AGPL-3.0-or-later

package sftp

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"
)

var (
	// ErrHostKey reports a server whose host key is unknown, changed or revoked.
	ErrHostKey = errors.New("sftp: the server's host key is not accepted")
	// ErrLogin reports that the server refuses the user's keys, or that there are
	// none.
	ErrLogin = errors.New("sftp: the server does not accept the login")
)

// Options say how to reach a server and how to log in.
type Options struct {
	// KnownHosts are the files with host keys; those that do not exist are
	// skipped.
	KnownHosts []string
	// Identities are files with private keys; those that do not exist are
	// skipped.
	Identities []string
	// AgentSocket is the path of the SSH agent's socket, empty for no agent.
	AgentSocket string
	// Dial opens a TCP connection. If it is nil, a net.Dialer does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Slow is how much longer than usual an answer of the server may take: what
	// waits for a limit of bandwidth goes before it.
	Slow time.Duration
	// Wait returns after a duration, or earlier with the error of the context. If
	// it is nil, a lost connection is made again without a pause, and a server
	// that has stopped answering is not noticed.
	Wait func(ctx context.Context, d time.Duration) error
}

// DefaultOptions returns the files and the agent that ssh uses for the current
// user.
func DefaultOptions() (Options, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return Options{}, fmt.Errorf("sftp: no home folder to look for known_hosts and keys in: set HOME (%w)", err)
	}
	dir := filepath.Join(home, ".ssh")
	return Options{
		KnownHosts:  []string{filepath.Join(dir, "known_hosts"), "/etc/ssh/ssh_known_hosts"},
		Identities:  []string{filepath.Join(dir, "id_ed25519"), filepath.Join(dir, "id_ecdsa"), filepath.Join(dir, "id_rsa")},
		AgentSocket: os.Getenv("SSH_AUTH_SOCK"),
	}, nil
}

func (o *Options) dial(ctx context.Context, address string) (net.Conn, error) {
	if o.Dial != nil {
		return o.Dial(ctx, "tcp", address)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

// hostKeys returns the check of the server's host key, and the algorithms of the
// keys that are known for it: a server with several keys must show one of those.
func (o *Options) hostKeys(a Address) (ssh.HostKeyCallback, []string, error) {
	var files []string
	for _, name := range o.KnownHosts {
		if _, err := os.Stat(name); err == nil {
			files = append(files, name)
		}
	}
	known, err := knownhosts.New(files...)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: a known_hosts file cannot be read: correct or remove the line (%w)", ErrHostKey, err)
	}
	// No host has this key, so that the answer lists those that are known.
	none, err := ssh.NewPublicKey(ed25519.PublicKey(make([]byte, ed25519.PublicKeySize)))
	if err != nil {
		return nil, nil, err
	}
	var algorithms []string
	var mismatch *knownhosts.KeyError
	if errors.As(known(a.dialAddress(), &net.TCPAddr{IP: net.IPv4zero}, none), &mismatch) {
		for _, k := range mismatch.Want {
			algorithms = append(algorithms, signatureAlgorithms(k.Key.Type())...)
		}
	}
	check := func(host string, remote net.Addr, key ssh.PublicKey) error {
		return o.explainHostKey(a, key, known(host, remote, key))
	}
	return check, algorithms, nil
}

// signatureAlgorithms returns the algorithms with which a host proves that it has
// a key of a type.
func signatureAlgorithms(keyType string) []string {
	if keyType == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256} // not with SHA-1
	}
	return []string{keyType}
}

// explainHostKey adds what to do to the error of a known_hosts check.
func (o *Options) explainHostKey(a Address, key ssh.PublicKey, err error) error {
	if err == nil {
		return nil
	}
	shown := key.Type() + " " + ssh.FingerprintSHA256(key)
	var revoked *knownhosts.RevokedError
	var mismatch *knownhosts.KeyError
	switch {
	case errors.As(err, &revoked):
		return fmt.Errorf("%w: %s shows a key that is marked as revoked in %s, line %d: do not use this server before its operator has replaced the key",
			ErrHostKey, a.Host, revoked.Revoked.Filename, revoked.Revoked.Line)
	case errors.As(err, &mismatch) && len(mismatch.Want) > 0:
		return fmt.Errorf("%w: %s shows %s, which is not the key in %s, line %d: another machine may be answering in its place. If the server's operator confirms the new fingerprint, run: ssh-keygen -R '%s' && %s",
			ErrHostKey, a.Host, shown, mismatch.Want[0].Filename, mismatch.Want[0].Line, knownhosts.Normalize(a.dialAddress()), a.sshCommand())
	case errors.As(err, &mismatch):
		return fmt.Errorf("%w: %s is not in known_hosts yet. It shows %s. Run this command, compare the fingerprint with the one that the server's operator tells you, and answer yes: %s",
			ErrHostKey, a.Host, shown, a.sshCommand())
	}
	return fmt.Errorf("%w: %w", ErrHostKey, err)
}

// credentials are the keys for one login, and what was wrong with others.
type credentials struct {
	signers []ssh.Signer
	notes   []string // what a person can do about keys that could not be used
	agent   net.Conn // nil if there is none; open while the signers are in use
}

func (c *credentials) close() {
	if c.agent != nil {
		_ = c.agent.Close() // nothing is written to it
	}
}

// credentials reads the identity files and asks the agent. Keys of identity
// files come first, also when only the agent can use them, because servers
// accept few attempts.
func (o *Options) credentials(ctx context.Context) *credentials {
	c := new(credentials)
	fromAgent := c.askAgent(ctx, o.AgentSocket)
	take := func(public ssh.PublicKey) bool {
		i := slices.IndexFunc(fromAgent, func(s ssh.Signer) bool { return sameKey(s.PublicKey(), public) })
		if i >= 0 {
			c.signers = append(c.signers, fromAgent[i])
			fromAgent = slices.Delete(fromAgent, i, i+1)
		}
		return i >= 0
	}
	for _, name := range o.Identities {
		b, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var signer ssh.Signer
		if err == nil {
			signer, err = ssh.ParsePrivateKey(b)
			clear(b)
		}
		var locked *ssh.PassphraseMissingError
		switch {
		case errors.As(err, &locked):
			if locked.PublicKey == nil || !take(locked.PublicKey) {
				c.notes = append(c.notes, fmt.Sprintf("the key %s has a passphrase: run ssh-add %s", name, name))
			}
		case err != nil:
			c.notes = append(c.notes, fmt.Sprintf("the key %s cannot be read (%v)", name, err))
		case !take(signer.PublicKey()):
			c.signers = append(c.signers, signer)
		}
	}
	c.signers = append(c.signers, fromAgent...)
	return c
}

func (c *credentials) askAgent(ctx context.Context, socket string) []ssh.Signer {
	if socket == "" {
		return nil
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		c.notes = append(c.notes, fmt.Sprintf("the SSH agent at %s cannot be reached: start one with eval $(ssh-agent) (%v)", socket, err))
		return nil
	}
	c.agent = conn
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // so that no agent can hold up the login
	defer stop()
	signers, err := agent.NewClient(conn).Signers()
	if err != nil {
		c.notes = append(c.notes, fmt.Sprintf("the SSH agent at %s lists no keys: unlock it (%v)", socket, err))
	}
	return signers
}

func sameKey(a, b ssh.PublicKey) bool { return string(a.Marshal()) == string(b.Marshal()) }

// explainLogin says what to do after the server refused all keys.
func (c *credentials) explainLogin(a Address) error {
	notes := append(slices.Clone(c.notes), fmt.Sprintf("to let a key of this device in, run ssh-copy-id -p %s %s@%s", a.Port, a.User, a.Host))
	if len(c.signers) == 0 {
		return fmt.Errorf("%w: there is no usable key for %s@%s; %s", ErrLogin, a.User, a.Host, strings.Join(notes, "; "))
	}
	return fmt.Errorf("%w: %s refused %d keys for the user %s; %s", ErrLogin, a.Host, len(c.signers), a.User, strings.Join(notes, "; "))
}
