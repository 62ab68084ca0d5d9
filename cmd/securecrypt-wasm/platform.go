// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build js && wasm

package main

import (
	"context"
	"syscall/js"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/store/indexeddb"
	"github.com/securecrypt/securecrypt/internal/product/jsbridge"
)

// database is the name of the profile's store.
const database = "securecrypt"

// OpenStore implements app.Platform.
func (h host) OpenStore(ctx context.Context) (backend.Store, error) {
	return indexeddb.Open(ctx, database, func() { h.Call("lost") })
}

// EraseStore implements app.Platform.
func (host) EraseStore(ctx context.Context) error { return indexeddb.Remove(ctx, database) }

// Keys implements app.Platform.
func (h host) Keys(ctx context.Context) ([]byte, error) { return h.ask(ctx, "keys") }

// SetKeys implements app.Platform.
func (h host) SetKeys(ctx context.Context, keys []byte) error {
	value := js.Null()
	if keys != nil {
		value = jsbridge.Array(keys)
	}
	_, err := h.ask(ctx, "setKeys", value)
	return err
}

// Seal implements app.Platform.
func (h host) Seal(ctx context.Context, plain []byte) ([]byte, error) {
	return h.ask(ctx, "seal", jsbridge.Array(plain))
}

// Unseal implements app.Platform.
func (h host) Unseal(ctx context.Context, sealed []byte) ([]byte, error) {
	return h.ask(ctx, "unseal", jsbridge.Array(sealed))
}
