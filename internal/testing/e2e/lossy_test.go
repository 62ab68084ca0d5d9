// SPDX-License-Identifier: AGPL-3.0-or-later

package e2e_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"
)

// lossyKey finds the lossy networks of a script.
type lossyKey struct{}

// A lossyNetwork leads to a server. While it loses, the first thing that the
// server says after its greeting and a request is lost, with the connection, and
// later connections lead nowhere.
type lossyNetwork struct {
	loses, lost atomic.Bool
	address     atomic.Pointer[string] // of the server, once it listens
}

func networks(ts *testscript.TestScript) map[string]*lossyNetwork {
	return ts.Value(lossyKey{}).(map[string]*lossyNetwork)
}

// lossy puts a network before a server: lossy SERVER sets $LOSSY_HOST, which
// leads to the server of that name once it is started, and loses answers;
// lossy SERVER mended loses nothing any more.
func lossy(ts *testscript.TestScript, _ bool, args []string) {
	if n := networks(ts)[args[0]]; n != nil {
		n.loses.Store(false)
		return
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = ln.Close() })
	n := &lossyNetwork{}
	n.loses.Store(true)
	ts.Setenv("LOSSY_HOST", "localhost:"+strings.TrimPrefix(ln.Addr().String(), "127.0.0.1:"))
	networks(ts)[args[0]] = n
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go n.serve(c)
		}
	}()
}

func (n *lossyNetwork) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	address := n.address.Load()
	if address == nil || n.loses.Load() && n.lost.Load() {
		return
	}
	s, err := net.Dial("tcp", *address)
	if err != nil {
		return
	}
	defer func() { _ = s.Close() }()
	asked := make(chan struct{})
	go func() {
		defer func() { _ = s.Close() }()
		in := bufio.NewReader(c)
		for line := ""; line != "\r\n"; { // the HTTP request
			if line, err = in.ReadString('\n'); err != nil {
				return
			}
			if _, err := io.WriteString(s, line); err != nil {
				return
			}
		}
		if _, err := in.Peek(1); err != nil {
			return
		}
		close(asked)
		_, _ = io.Copy(s, in)
	}()
	buf := make([]byte, 64<<10)
	for {
		k, err := s.Read(buf)
		if err != nil {
			return
		}
		select {
		case <-asked:
			if n.loses.Load() {
				n.lost.Store(true)
				return
			}
		default:
		}
		if _, err := c.Write(buf[:k]); err != nil {
			return
		}
	}
}
