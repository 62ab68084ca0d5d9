// SPDX-License-Identifier: AGPL-3.0-or-later

package fakeserver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/protocol"
)

var errCut = errors.New("fakeserver: the connection was cut")

// A Net is the servers that there are and the clients that reach them.
type Net struct {
	mu      sync.Mutex // guards what follows
	servers map[string]*Server
}

// NewNet returns a network without servers.
func NewNet() *Net { return &Net{servers: map[string]*Server{}} }

// Server returns the server of a host, made at first use.
func (n *Net) Server(host string) *Server {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.servers[host] == nil {
		n.servers[host] = newServer(host)
	}
	return n.servers[host]
}

// A Transport is one client's way into the network.
type Transport struct {
	net  *Net
	name string

	mu    sync.Mutex // guards what follows
	down  map[string]bool
	all   bool
	delay time.Duration
}

// Transport returns a way into the network for the client of that name.
func (n *Net) Transport(name string) *Transport {
	return &Transport{net: n, name: name, down: map[string]bool{}}
}

// Partition cuts the client off from a host, or from all if host is empty; or
// joins them again.
func (t *Transport) Partition(host string, cut bool) {
	t.mu.Lock()
	if host == "" {
		t.all = cut
	} else {
		t.down[host] = cut
	}
	t.mu.Unlock()
	if cut {
		t.Cut(host)
	}
}

// Cut ends the client's connections to a host, or to all.
func (t *Transport) Cut(host string) {
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	for h, s := range t.net.servers {
		if host != "" && h != host {
			continue
		}
		s.mu.Lock()
		for c := range s.conns {
			if c.client == t.name {
				c.cut()
			}
		}
		s.mu.Unlock()
	}
}

// Delay is how long messages take from now on, each way, on new connections.
func (t *Transport) Delay(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.delay = d
}

func (t *Transport) reaches(host string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all || t.down[host] {
		return fmt.Errorf("%w: no route to %s", backend.ErrOffline, host)
	}
	return nil
}

// Dial implements client.Transport.
func (t *Transport) Dial(_ context.Context, host string) (backend.Conn, error) {
	if err := t.reaches(host); err != nil {
		return nil, err
	}
	t.net.mu.Lock()
	s := t.net.servers[host]
	t.net.mu.Unlock()
	if s == nil {
		return nil, fmt.Errorf("%w: no such host", backend.ErrOffline)
	}
	t.mu.Lock()
	delay := t.delay
	t.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &conn{server: s, client: t.name, delay: delay, open: map[protocol.ChannelID]*opening{}, refused: map[protocol.ChannelID]bool{}, ready: make(chan struct{}, 1)}
	s.nonces++
	binary.BigEndian.PutUint64(c.nonce[:], s.nonces)
	s.conns[c] = true
	c.send(protocol.KindEvent, 0, uint16(protocol.EventHello), s.hello(c.nonce))
	return c, nil
}

// conn is one connection; the server's lock guards it.
type conn struct {
	server   *Server
	client   string
	nonce    protocol.Nonce
	identity *deviceRef
	mailOpen bool
	// tellsChain: it asked to be told when its account's chain got longer.
	tellsChain bool
	people     bool // it was asked about accounts
	open       map[protocol.ChannelID]*opening
	refused    map[protocol.ChannelID]bool // those in which something was refused
	delay      time.Duration               // of each message, each way
	out        []sent
	closed     bool
	ready      chan struct{}
}

// sent is a message on its way to the client.
type sent struct {
	at      time.Time
	message []byte
}

func (c *conn) cut() {
	c.closed = true
	delete(c.server.conns, c)
	c.signal()
}

func (c *conn) signal() {
	select {
	case c.ready <- struct{}{}:
	default:
	}
}

func (c *conn) send(kind protocol.Kind, id uint64, code uint16, body protocol.Body) {
	if c.closed {
		return
	}
	frame, err := protocol.Append(nil, kind, id, code, body)
	if err != nil {
		panic(err)
	}
	c.out = append(c.out, sent{time.Now(), frame})
	c.signal()
}

func (c *conn) event(t protocol.EventType, body protocol.Body) {
	all, cut := []protocol.Body{body}, false
	if c.server.faults.Event != nil {
		all, cut = c.server.faults.Event(c.client, body)
	}
	for _, b := range all {
		c.send(protocol.KindEvent, 0, uint16(t), b)
	}
	if cut {
		c.cut()
	}
}

// Read implements client.Conn. What was sent before a connection ended
// arrives.
func (c *conn) Read(ctx context.Context) ([]byte, error) {
	for {
		c.server.mu.Lock()
		var wait time.Duration
		if len(c.out) > 0 {
			m := c.out[0]
			if wait = c.delay - time.Since(m.at); wait <= 0 {
				c.out = c.out[1:]
				c.server.mu.Unlock()
				return m.message, nil
			}
		}
		closed := c.closed
		c.server.mu.Unlock()
		if wait > 0 {
			select {
			case <-time.After(wait):
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		if closed {
			return nil, errCut
		}
		select {
		case <-c.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Write implements client.Conn.
func (c *conn) Write(ctx context.Context, message []byte) error {
	if c.delay > 0 {
		select {
		case <-time.After(c.delay):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if len(message) > protocol.MaxMessage {
		c.cut()
		return errCut
	}
	for len(message) > 0 {
		if c.closed {
			return errCut
		}
		f, rest, err := protocol.ParseFrame(message)
		if err != nil {
			c.cut()
			return err
		}
		message = rest
		c.request(f)
	}
	return nil
}

func (c *conn) request(f protocol.Frame) {
	op := protocol.Op(f.Code)
	body, err := protocol.NewRequest(op)
	if err == nil {
		err = protocol.DecodeBody(f.Body, body)
	}
	if err != nil {
		c.send(protocol.KindError, f.ID, uint16(protocol.CodeMalformed), &protocol.ErrorBody{})
		c.cut()
		return
	}
	var v Verdict
	if c.server.faults.Request != nil {
		v = c.server.faults.Request(c.client, op, body)
	}
	switch {
	case v.DropBefore:
		c.cut()
		return
	case v.Refuse != nil:
		c.refuse(body)
		c.send(protocol.KindError, f.ID, uint16(v.Refuse.Code), v.Refuse.Body())
		if v.DropAfter {
			c.cut()
		}
		return
	}
	result, after, err := c.server.handle(c, op, body)
	if v.DropAfter {
		c.cut()
		return
	}
	var refused *protocol.Error
	switch {
	case errors.As(err, &refused):
		c.send(protocol.KindError, f.ID, uint16(refused.Code), refused.Body())
	case !v.Silent:
		c.send(protocol.KindResponse, f.ID, 0, result)
	}
	if after != nil {
		after()
	}
}

// refuse has the opening take nothing behind a post that was refused.
func (c *conn) refuse(body protocol.Body) {
	switch b := body.(type) {
	case *protocol.ChannelPost:
		c.refused[b.Channel] = true
	case *protocol.ChannelCommit:
		c.refused[b.Channel] = true
	}
}

// Close implements client.Conn.
func (c *conn) Close() error {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.cut()
	return nil
}
