// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build js && wasm

// Command securecrypt-wasm is the client core in a browser's worker. The worker
// (web/src/worker) loads it, gives it what it needs from the browser in the
// global object securecryptHost, and passes on the calls of pages.
package main

import (
	"context"
	"syscall/js"

	"github.com/securecrypt/securecrypt/client/app"
	"github.com/securecrypt/securecrypt/client/transport/browser"
	"github.com/securecrypt/securecrypt/internal/product/jsbridge"
)

func main() {
	h := host{js.Global().Get("securecryptHost")}
	a := app.New(context.Background(), h, browser.Transport{}, h.Get("host").String(), h.tell)
	c := calls{app: a, cancel: map[int]context.CancelFunc{}}
	h.Call("ready", js.FuncOf(c.call), js.FuncOf(c.abort))
	select {}
}

// host is what the worker gives the core.
type host struct{ js.Value }

func (h host) tell(events []app.Event) { h.Call("tell", jsonOf(events)) }

// ask calls an asynchronous function of the host; bytes are Uint8Arrays.
func (h host) ask(ctx context.Context, name string, args ...any) ([]byte, error) {
	promise, err := jsbridge.Try(func() js.Value { return h.Call(name, args...) })
	if err != nil {
		return nil, err
	}
	v, err := jsbridge.Await(ctx, promise)
	if err != nil || !jsbridge.Exists(v) {
		return nil, err
	}
	return jsbridge.Bytes(v), nil
}
