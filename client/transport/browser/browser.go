// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build js && wasm

package browser

import (
	"context"
	"fmt"
	"syscall/js"
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/transport/internal/endpoint"
	"github.com/securecrypt/securecrypt/internal/product/jsbridge"
	"github.com/securecrypt/securecrypt/protocol"
)

const (
	dialTimeout   = 20 * time.Second
	headerTimeout = 30 * time.Second
)

// Transport is a client.Transport. The zero value is ready.
type Transport struct{}

// Dial implements client.Transport.
func (Transport) Dial(ctx context.Context, host string) (backend.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	socket, err := jsbridge.Try(func() js.Value {
		return js.Global().Get("WebSocket").New(endpoint.URL("ws", host, protocol.WebSocketPath))
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", backend.ErrOffline, host, err)
	}
	c := newConn(socket)
	select {
	case <-c.opened:
		return c, nil
	case <-c.ended:
		return nil, fmt.Errorf("%w: %s does not answer, or takes no connections at the moment", backend.ErrOffline, host)
	case <-ctx.Done():
		return nil, c.end(fmt.Errorf("%w: %s: %w", backend.ErrOffline, host, context.Cause(ctx)))
	}
}

// Blobs implements client.Transport.
func (Transport) Blobs(host string) backend.Blobs {
	return blobs{url: endpoint.URL("http", host, protocol.BlobPath), host: host}
}
