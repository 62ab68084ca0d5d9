// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/gobwas/ws"
)

// A wire is a listener that keeps what the server gets.
type wire struct {
	net.Listener
	mu    sync.Mutex // guards what follows
	conns []*bytes.Buffer
}

// record keeps what the server gets from now on. It has to start before
// anybody connects.
func (w *town) record() *wire {
	w.t.Helper()
	w.Stop(w.t)
	ln, err := net.Listen("tcp", w.at)
	must(w.t, err)
	x := &wire{Listener: ln}
	w.serve(x)
	return x
}

func (x *wire) Accept() (net.Conn, error) {
	conn, err := x.Listener.Accept()
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.conns = append(x.conns, new(bytes.Buffer))
	return &wireConn{conn, x, x.conns[len(x.conns)-1]}, nil
}

type wireConn struct {
	net.Conn
	wire *wire
	kept *bytes.Buffer
}

func (c *wireConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	c.kept.Write(b[:n])
	return n, err
}

// lacks searches everything for a text, in WebSocket messages without their
// masks.
func (x *wire) lacks(t *testing.T, marks ...string) {
	t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	messages := 0
	for _, c := range x.conns {
		said, n := unmask(t, c.Bytes())
		messages += n
		for _, mark := range marks {
			if bytes.Contains(said, []byte(mark)) {
				t.Errorf("the server got %q", mark)
			}
		}
	}
	if messages < 10 {
		t.Errorf("the server got only %d messages: too few to have searched", messages)
	}
}

// unmask returns what a client said: requests as they are, then the payloads
// of its WebSocket messages and their number.
func unmask(t *testing.T, raw []byte) (said []byte, messages int) {
	t.Helper()
	head, rest, upgraded := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !upgraded || !bytes.Contains(bytes.ToLower(head), []byte("upgrade: websocket")) {
		return raw, 0
	}
	said = bytes.Clone(head)
	r := bytes.NewReader(rest)
	for ; ; messages++ {
		h, err := ws.ReadHeader(r)
		if err != nil || h.Length > int64(r.Len()) {
			return said, messages // the last may have been cut
		}
		if h.Rsv != 0 {
			t.Fatal("the messages are compressed: nothing would be found")
		}
		payload := make([]byte, h.Length)
		_, err = io.ReadFull(r, payload)
		must(t, err)
		ws.Cipher(payload, h.Mask, 0)
		said = append(said, payload...)
	}
}
