// SPDX-License-Identifier: AGPL-3.0-or-later

package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/securecrypt/securecrypt/vault/storage"
)

// ErrConnection reports that the server cannot be reached, or no longer.
var ErrConnection = errors.New("sftp: the server cannot be reached")

const (
	// loginTimeout limits how long a connection and its login may take.
	loginTimeout = time.Minute
	// maxRetries limits how often a call is made again after its connection was
	// lost. Before each, there is a pause: firstPause, then twice the last.
	maxRetries = 5
	firstPause = time.Second
	// keepAliveInterval is how often the server is asked whether it is there, and
	// keepAliveTimeout how long its answer may take: more than what a slow
	// connection needs for the requests that are under way.
	keepAliveInterval = 15 * time.Second
	keepAliveTimeout  = 90 * time.Second
)

// A connection is one login at the server.
type connection struct {
	ssh   *ssh.Client
	sftp  *sftp.Client
	ended context.Context // done once the connection is of no use
	end   context.CancelFunc
	// number counts the connections of a Storage.
	number uint64
}

// close ends the connection, and with it all calls that use it.
func (c *connection) close() {
	c.end()
	_ = c.ssh.Close() // it may be closed already
}

// connect dials the server, checks its host key and logs in.
func connect(ctx context.Context, a Address, o *Options) (*connection, error) {
	limited, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	client, err := login(limited, a, o)
	if err != nil {
		if ctx.Err() == nil && limited.Err() != nil {
			err = fmt.Errorf("%w at %s: it did not complete the login within %v; check the address and the network", ErrConnection, a.Host, loginTimeout)
		}
		return nil, err
	}
	stop := context.AfterFunc(limited, func() { _ = client.Close() })
	defer stop()
	files, err := sftp.NewClient(client, sftp.UseConcurrentWrites(true))
	if err != nil {
		_ = client.Close() // there is an error already
		if strings.Contains(err.Error(), "subsystem request failed") {
			return nil, refusal{fmt.Errorf("sftp: %s lets the user in but offers no SFTP: its operator has to enable the subsystem sftp", a.Host)}
		}
		return nil, fmt.Errorf("sftp: starting SFTP at %s: %w", a.Host, err)
	}
	c := &connection{ssh: client, sftp: files}
	c.ended, c.end = context.WithCancel(context.Background())
	go func() {
		_ = files.Wait() // callers get the errors of their calls
		c.close()
	}()
	if o.Wait != nil {
		go c.keepAlive(o.Wait, keepAliveTimeout+o.Slow)
	}
	return c, nil
}

func login(ctx context.Context, a Address, o *Options) (*ssh.Client, error) {
	check, algorithms, err := o.hostKeys(a)
	if err != nil {
		return nil, err
	}
	keys := o.credentials(ctx)
	defer keys.close()
	if len(keys.signers) == 0 {
		return nil, keys.explainLogin(a)
	}
	conn, err := o.dial(ctx, a.dialAddress())
	if err != nil {
		return nil, fmt.Errorf("%w at %s: check the address and the network (%w)", ErrConnection, a.dialAddress(), err)
	}
	stop := context.AfterFunc(ctx, func() {
		_ = conn.Close() // ends the handshake
		keys.close()     // and a wait for the agent
	})
	defer stop()
	var hostKey error
	config := &ssh.ClientConfig{
		User: a.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(keys.signers...)}, HostKeyAlgorithms: algorithms,
		HostKeyCallback: func(host string, remote net.Addr, key ssh.PublicKey) error {
			hostKey = check(host, remote, key)
			return hostKey
		},
	}
	transport, channels, requests, err := ssh.NewClientConn(conn, a.dialAddress(), config)
	var negotiation *ssh.AlgorithmNegotiationError
	switch {
	case hostKey != nil:
		return nil, hostKey
	case errors.As(err, &negotiation) && len(algorithms) > 0 && strings.Contains(negotiation.What, "host key"):
		return nil, fmt.Errorf("%w: %s has no key of the kinds that known_hosts has for it (%s): ask its operator, then run %s", ErrHostKey, a.Host, strings.Join(algorithms, ", "), a.sshCommand())
	case err != nil && (strings.Contains(err.Error(), "unable to authenticate") || strings.Contains(err.Error(), "Too many authentication failures")):
		return nil, keys.explainLogin(a)
	case err != nil:
		return nil, fmt.Errorf("sftp: logging in at %s: %w", a.Host, err)
	}
	return ssh.NewClient(transport, channels, requests), nil
}

// keepAlive asks the server regularly whether it is there, and closes the
// connection when no answer comes.
func (c *connection) keepAlive(wait func(context.Context, time.Duration) error, timeout time.Duration) {
	for wait(c.ended, keepAliveInterval) == nil {
		answered, done := context.WithCancel(c.ended)
		go func() {
			if wait(answered, timeout) == nil {
				c.close()
			}
		}()
		_, _, err := c.ssh.SendRequest("keepalive@openssh.com", true, nil)
		done()
		if err != nil {
			c.close()
			return
		}
	}
}

// A refusal is an error after which another connection would not help.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// isLost reports whether an error may be the connection's, and not an answer of
// the server or a decision of this package.
func isLost(err error) bool {
	if err == nil {
		return false
	}
	for _, answer := range []error{
		storage.ErrExists, storage.ErrNotFound, storage.ErrFull, storage.ErrNotAtomic, ErrHostKey, ErrLogin, fs.ErrNotExist, fs.ErrPermission, fs.ErrExist, io.ErrUnexpectedEOF,
	} {
		if errors.Is(err, answer) {
			return false
		}
	}
	var status *sftp.StatusError
	var refused refusal
	return !errors.As(err, &status) && !errors.As(err, &refused)
}

// connection returns the current connection, or makes one. One call at a time
// dials; the others wait for it.
func (s *Storage) connection(ctx context.Context) (*connection, error) {
	select {
	case s.gate <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.gate }()
	if s.closed {
		return nil, refusal{errors.New("sftp: the storage is closed: open it again")}
	}
	if s.current != nil && s.current.ended.Err() == nil {
		return s.current, nil
	}
	c, err := connect(ctx, s.address, &s.options)
	if err != nil {
		if s.current == nil && ctx.Err() == nil { // a wrong address is not worth the pauses
			err = refusal{err}
		}
		return nil, err
	}
	if s.current != nil {
		c.number = s.current.number + 1
	}
	s.current = c
	return c, nil
}

// do calls op with a connection, and again with another one if that is lost. It
// ends op when ctx is done by closing the connection.
func (s *Storage) do(ctx context.Context, op func(*connection) error) error {
	pause := firstPause
	for attempt := 0; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		c, err := s.connection(ctx)
		if err == nil {
			stop := context.AfterFunc(ctx, c.close)
			err = op(c)
			stop()
			if isLost(err) {
				c.close()
			}
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !isLost(err):
			return err
		case attempt == maxRetries:
			return fmt.Errorf("%w any more, also after %d attempts to connect again: check the network and run the command again (%w)", ErrConnection, maxRetries, err)
		}
		if s.options.Wait != nil {
			if err := s.options.Wait(ctx, pause); err != nil {
				return err
			}
		}
		pause *= 2
	}
}
