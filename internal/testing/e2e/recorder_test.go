// SPDX-License-Identifier: AGPL-3.0-or-later

package e2e_test

import (
	"bytes"
	"context"
	"io"
	"sync"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/protocol"
)

// A recorder is a transport that keeps a copy of all that passes, as the server
// gets it and as it sends it.
type recorder struct {
	backend.Transport
	mu       sync.Mutex // guards what follows
	sent     [][]byte   // WebSocket messages to the server
	received [][]byte   // and from it
	bodies   bytes.Buffer
}

func (c *recorder) keep(list *[][]byte, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*list = append(*list, bytes.Clone(b))
}

// Write keeps a piece of an HTTP body.
func (c *recorder) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bodies.Write(b)
}

// all returns everything that passed.
func (c *recorder) all() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := bytes.Clone(c.bodies.Bytes())
	for _, list := range [][][]byte{c.sent, c.received} {
		for _, b := range list {
			out = append(append(out, b...), '\n')
		}
	}
	return out
}

func (c *recorder) Dial(ctx context.Context, host string) (backend.Conn, error) {
	conn, err := c.Transport.Dial(ctx, host)
	return captureConn{conn, c}, err
}

type captureConn struct {
	backend.Conn
	c *recorder
}

func (c captureConn) Read(ctx context.Context) ([]byte, error) {
	b, err := c.Conn.Read(ctx)
	c.c.keep(&c.c.received, b)
	return b, err
}

func (c captureConn) Write(ctx context.Context, b []byte) error {
	c.c.keep(&c.c.sent, b)
	return c.Conn.Write(ctx, b)
}

func (c *recorder) Blobs(host string) backend.Blobs { return captureBlobs{c.Transport.Blobs(host), c} }

type captureBlobs struct {
	backend.Blobs
	c *recorder
}

func (b captureBlobs) Append(ctx context.Context, token protocol.UploadToken, offset int64, body io.Reader) error {
	return b.Blobs.Append(ctx, token, offset, io.TeeReader(body, b.c))
}

func (b captureBlobs) Fetch(ctx context.Context, id protocol.BlobID, offset int64) (io.ReadCloser, error) {
	body, err := b.Blobs.Fetch(ctx, id, offset)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.TeeReader(body, b.c), body}, nil
}
