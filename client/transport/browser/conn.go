// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build js && wasm

package browser

import (
	"context"
	"fmt"
	"sync"
	"syscall/js"
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/internal/product/jsbridge"
	"github.com/securecrypt/securecrypt/protocol"
)

// Bounds, in bytes, on what waits inside the browser: on its way out, and
// arrived but not read yet. A browser takes everything in, however slowly it
// is read, so that whoever is too slow is cut off and asks for the rest again.
const (
	maxOut = 1 << 20
	maxIn  = 64 << 20
)

// outWait is how often a full browser is asked whether there is room: it has
// no event for that.
const outWait = 20 * time.Millisecond

// A conn is a client.Conn over a WebSocket. The browser's callbacks, which
// never wait, fill it.
type conn struct {
	socket  js.Value
	events  []js.Func
	opened  chan struct{}
	ended   chan struct{}
	arrived chan struct{} // has room for one

	mu     sync.Mutex
	queue  []js.Value // ArrayBuffers
	queued int        // their bytes
	err    error      // why it ended; what is in the queue comes first
}

func newConn(socket js.Value) *conn {
	c := &conn{socket: socket, opened: make(chan struct{}), ended: make(chan struct{}), arrived: make(chan struct{}, 1)}
	socket.Set("binaryType", "arraybuffer")
	c.on("onopen", func(js.Value) { close(c.opened) })
	c.on("onmessage", func(e js.Value) { c.take(e.Get("data")) })
	c.on("onclose", func(js.Value) {
		_ = c.end(fmt.Errorf("%w: the connection ended", backend.ErrOffline))
		for _, f := range c.events {
			f.Release() // nothing comes after this event
		}
	})
	return c
}

func (c *conn) on(event string, fn func(js.Value)) {
	f := js.FuncOf(func(_ js.Value, args []js.Value) any {
		fn(jsbridge.First(args))
		return nil
	})
	c.events = append(c.events, f)
	c.socket.Set(event, f)
}

// take queues a message that came.
func (c *conn) take(data js.Value) {
	if data.Type() == js.TypeString {
		_ = c.end(fmt.Errorf("%w: a text message", protocol.ErrMalformed))
		return
	}
	size := data.Get("byteLength").Int()
	if size > protocol.MaxMessage {
		_ = c.end(fmt.Errorf("%w: a message of %d bytes", protocol.ErrMalformed, size))
		return
	}
	c.mu.Lock()
	full := c.queued+size > maxIn
	if c.err == nil && !full {
		c.queue, c.queued = append(c.queue, data), c.queued+size
	}
	c.mu.Unlock()
	if full {
		_ = c.end(fmt.Errorf("%w: messages came faster than this device could read them", backend.ErrOffline))
		return
	}
	select {
	case c.arrived <- struct{}{}:
	default:
	}
}

// end closes the connection and returns why it ended first.
func (c *conn) end(why error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = why
		close(c.ended)
		c.socket.Call("close")
	}
	return c.err
}

// next takes a message off the queue.
func (c *conn) next() (message js.Value, ok bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return js.Value{}, false, c.err
	}
	message = c.queue[0]
	c.queue[0] = js.Value{}
	c.queue = c.queue[1:]
	c.queued -= message.Get("byteLength").Int()
	return message, true, nil
}

// Read implements client.Conn.
func (c *conn) Read(ctx context.Context) ([]byte, error) {
	for {
		message, ok, err := c.next()
		if err != nil {
			return nil, err
		}
		if ok {
			return jsbridge.Bytes(message), nil
		}
		select {
		case <-c.arrived:
		case <-c.ended:
		case <-ctx.Done():
			return nil, c.end(context.Cause(ctx))
		}
	}
}

// Write implements client.Conn.
func (c *conn) Write(ctx context.Context, message []byte) error {
	for c.socket.Get("bufferedAmount").Int() > maxOut {
		select {
		case <-c.ended:
		case <-ctx.Done():
			return c.end(context.Cause(ctx))
		case <-time.After(outWait):
			continue
		}
		break
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	_, err := jsbridge.Try(func() js.Value { return c.socket.Call("send", jsbridge.Array(message)) })
	return err
}

// Close implements client.Conn.
func (c *conn) Close() error {
	_ = c.end(fmt.Errorf("%w: the connection was closed", backend.ErrOffline))
	return nil
}
