// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build js && wasm

package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"syscall/js"

	"github.com/securecrypt/securecrypt/client/app"
	"github.com/securecrypt/securecrypt/internal/product/jsbridge"
)

// piece is how much of a file is copied at once, in bytes.
const piece = 1 << 20

// calls are those under way.
type calls struct {
	app    *app.App
	mu     sync.Mutex
	cancel map[int]context.CancelFunc
}

// call takes a number, a name, parameters in JSON, an array of Blobs and a
// function for the outcome: a problem in JSON or null, the answer in JSON, and
// an array of Uint8Arrays where the answer is a file.
func (c *calls) call(_ js.Value, args []js.Value) any {
	id, name, params, blobs, done := args[0].Int(), args[1].String(), args[2].String(), args[3], args[4]
	ctx, cancel := context.WithCancel(context.Background())
	c.mu.Lock()
	c.cancel[id] = cancel
	c.mu.Unlock()
	go func() {
		defer func() {
			c.mu.Lock()
			delete(c.cancel, id)
			c.mu.Unlock()
			cancel()
		}()
		answer, pieces, err := c.do(ctx, name, []byte(params), blobs)
		if err != nil {
			done.Invoke(jsonOf(app.ProblemOf(err)))
			return
		}
		done.Invoke(js.Null(), answer, pieces)
	}()
	return nil
}

// abort takes the number of a call that nobody waits for any more.
func (c *calls) abort(_ js.Value, args []js.Value) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cancel := c.cancel[args[0].Int()]; cancel != nil {
		cancel()
	}
	return nil
}

func (c *calls) do(ctx context.Context, name string, params []byte, blobs js.Value) (answer string, pieces js.Value, err error) {
	files := make([]io.Reader, blobs.Length())
	for i := range files {
		files[i] = &source{ctx: ctx, blob: blobs.Index(i)}
	}
	a, err := c.app.Do(ctx, name, params, files)
	if err != nil {
		return "", js.Null(), err
	}
	if a.Body == nil {
		return string(a.JSON), js.Null(), nil
	}
	pieces, err = copyOut(a.Body)
	return string(a.JSON), pieces, errors.Join(err, a.Body.Close())
}

// copyOut reads everything into an array of Uint8Arrays.
func copyOut(r io.Reader) (js.Value, error) {
	all := js.Global().Get("Array").New()
	buf := make([]byte, piece)
	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			all.Call("push", jsbridge.Array(buf[:n]))
		}
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return all, nil
		}
		if err != nil {
			return js.Null(), err
		}
	}
}

// source reads a Blob piece by piece.
type source struct {
	ctx  context.Context
	blob js.Value
	at   int
	buf  []byte
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	if len(s.buf) == 0 {
		part := s.blob.Call("slice", s.at, s.at+piece)
		array, err := jsbridge.Await(s.ctx, part.Call("arrayBuffer"))
		if err != nil {
			return 0, err
		}
		if s.buf = jsbridge.Bytes(array); len(s.buf) == 0 {
			return 0, io.EOF
		}
		s.at += len(s.buf)
	}
	n := copy(p, s.buf)
	s.buf = s.buf[n:]
	return n, nil
}

// jsonOf encodes what always can be.
func jsonOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}
