// SPDX-License-Identifier: AGPL-3.0-or-later

package loopback

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"
)

// hosts are the names and addresses of this machine that browsers take for one
// another, as they stand in a URL without its port.
var hosts = []string{"localhost", "127.0.0.1", "[::1]"}

// ErrTaken means that something else listens at one of the addresses.
var ErrTaken = errors.New("another program, perhaps another user's, listens there")

// tries is how often a port that is free on both addresses is looked for.
const tries = 32

// listenFunc is [net.ListenConfig.Listen].
type listenFunc func(ctx context.Context, network, address string) (net.Listener, error)

// Is says whether an address with a port is one that [Listen] takes.
func Is(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && (slices.Contains(hosts, host) || host == "::1")
}

// Listen listens at localhost: on 127.0.0.1 and, unless the machine has no
// IPv6, on [::1] with the same port, whichever of them the address names. Port
// 0 stands for one that is free on both. The listener's address is that on
// 127.0.0.1. The error is [ErrTaken] if the port is not free on either.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	return listen(ctx, address, new(net.ListenConfig).Listen)
}

func listen(ctx context.Context, address string, open listenFunc) (net.Listener, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil || !Is(address) {
		return nil, fmt.Errorf("%q is not an address of this machine with a port, such as localhost:8080", address)
	}
	for range tries {
		var ln net.Listener
		if ln, err = both(ctx, port, open); err == nil || port != "0" || !errors.Is(err, ErrTaken) {
			return ln, err
		}
	}
	return nil, err
}

func both(ctx context.Context, port string, open listenFunc) (net.Listener, error) {
	four, err := one(ctx, "tcp4", net.JoinHostPort("127.0.0.1", port), open)
	if err != nil {
		return nil, err
	}
	_, port, _ = net.SplitHostPort(four.Addr().String()) // a listener's address has a port
	six, err := one(ctx, "tcp6", net.JoinHostPort("::1", port), open)
	if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
		return four, nil // without IPv6 nobody can listen there
	}
	if err != nil {
		return nil, errors.Join(err, four.Close())
	}
	return join(four, six), nil
}

func one(ctx context.Context, network, address string, open listenFunc) (net.Listener, error) {
	ln, err := open(ctx, network, address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken: %w", address, ErrTaken)
	}
	return ln, err
}

// joined accepts what two listeners accept.
type joined struct {
	net.Listener // the one whose address counts
	other        net.Listener
	accepted     chan accepted
	closed       chan struct{}
	close        func() error
}

type accepted struct {
	conn net.Conn
	err  error
}

func join(a, b net.Listener) *joined {
	j := &joined{Listener: a, other: b, accepted: make(chan accepted), closed: make(chan struct{})}
	j.close = sync.OnceValue(func() error {
		close(j.closed)
		return errors.Join(a.Close(), b.Close())
	})
	go j.take(a)
	go j.take(b)
	return j
}

// take hands on what a listener accepts, until both are closed.
func (j *joined) take(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		select {
		case j.accepted <- accepted{conn, err}:
		case <-j.closed:
			if conn != nil {
				_ = conn.Close() // nothing was said on it
			}
			return
		}
	}
}

// Accept implements [net.Listener].
func (j *joined) Accept() (net.Conn, error) {
	select {
	case a := <-j.accepted:
		return a.conn, a.err
	case <-j.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (j *joined) Close() error { return j.close() }
