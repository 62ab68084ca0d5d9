// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build js && wasm

package indexeddb

import (
	"context"
	"errors"
	"syscall/js"

	"github.com/securecrypt/securecrypt/internal/product/jsbridge"
)

// lock waits for the browser's lock (W3C, Web Locks) called name, which all
// pages of the origin share. The browser takes it back when the worker ends,
// however it ends.
func lock(ctx context.Context, name string) (unlock func(), err error) {
	locks := js.Global().Get("navigator").Get("locks")
	if !jsbridge.Exists(locks) {
		return nil, errors.New("indexeddb: this browser cannot keep two tabs from using one profile: update it, and open the page by https")
	}
	abort := js.Global().Get("AbortController").New()
	granted, ended := make(chan struct{}, 1), make(chan struct{})
	var why error        // set once it has ended
	var release js.Value // resolves the promise for as long as which the lock is held
	hold := js.FuncOf(func(_ js.Value, args []js.Value) any {
		release = jsbridge.First(args)
		return nil
	})
	grant := js.FuncOf(func(js.Value, []js.Value) any {
		p := js.Global().Get("Promise").New(hold)
		granted <- struct{}{}
		return p
	})
	request, err := jsbridge.Try(func() js.Value {
		return locks.Call("request", name, map[string]any{"signal": abort.Get("signal")}, grant)
	})
	if err != nil {
		return nil, failed("opening the store", err)
	}
	go func() {
		defer hold.Release()
		defer grant.Release()
		_, why = jsbridge.Await(context.Background(), request)
		close(ended)
	}()
	select {
	case <-granted:
		return func() {
			release.Invoke()
			<-ended // the next one may have it
		}, nil
	case <-ended:
		return nil, failed("opening the store", why)
	case <-ctx.Done():
	}
	abort.Call("abort")
	select {
	case <-granted: // at the same moment
		release.Invoke()
	case <-ended:
	}
	return nil, ErrInUse
}
