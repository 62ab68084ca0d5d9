// SPDX-License-Identifier: AGPL-3.0-or-later

package backend

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
)

// ErrOffline is wrapped by errors that mean that a server cannot be reached
// at the moment.
var ErrOffline = errors.New("the server cannot be reached")

// ErrTurnedAway is wrapped by errors that mean that a server, or what is in front
// of it, answers and takes no connections at the moment. It wraps ErrOffline.
var ErrTurnedAway error = turnedAway{}

type turnedAway struct{}

func (turnedAway) Error() string { return "the server takes no connections at the moment" }

// Unwrap returns ErrOffline.
func (turnedAway) Unwrap() error { return ErrOffline }

// A Transport reaches servers by their host, the part of an address after the
// @. It connects by TLS, except to the machine that it runs on.
type Transport interface {
	// Dial opens a connection that carries WebSocket messages. The error
	// wraps ErrOffline if trying again later may help, and ErrPrivateHost if the
	// server is not to be contacted.
	Dial(ctx context.Context, host string) (Conn, error)
	// Blobs returns the blobs of a server.
	Blobs(host string) Blobs
}

// A Conn carries whole binary messages. Read is called by one goroutine and
// Write by one other; Close may be called at any time and ends both.
type Conn interface {
	Read(ctx context.Context) ([]byte, error)
	Write(ctx context.Context, message []byte) error
	Close() error
}

// Blobs uploads and downloads ciphertext. Refusals by the server are a
// *protocol.Error; other errors wrap ErrOffline.
type Blobs interface {
	// Create announces an upload of length bytes; announcing it again is no
	// error. It returns how many bytes the server has.
	Create(ctx context.Context, token protocol.UploadToken, length int64, expiry time.Duration) (offset int64, err error)
	// Append uploads body at offset.
	Append(ctx context.Context, token protocol.UploadToken, offset int64, body io.Reader) error
	// Fetch downloads a whole blob from offset on.
	Fetch(ctx context.Context, id protocol.BlobID, offset int64) (io.ReadCloser, error)
}
