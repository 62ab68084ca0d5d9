// SPDX-License-Identifier: AGPL-3.0-or-later

package link

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/protocol"
)

// CheckHost refuses a server in a private network, unless the account's own
// is in one, too.
func (n *Network) CheckHost(host string) error { return checkHost(n.Home, host) }

func checkHost(home, host string) error {
	if host == home || backend.PrivateHost(home) || !backend.PrivateHost(host) {
		return nil
	}
	return fmt.Errorf("%s: %w", host, backend.ErrPrivateHost)
}

// guarded is a transport that refuses servers in private networks.
type guarded struct {
	backend.Transport
	home string
}

// Guard has a transport keep to what an account with that server may contact.
func Guard(t backend.Transport, home string) backend.Transport {
	if h, ok := t.(backend.HomeTransport); ok {
		h.SetHome(home)
	}
	return guarded{t, home}
}

func (g guarded) Dial(ctx context.Context, host string) (backend.Conn, error) {
	if err := checkHost(g.home, host); err != nil {
		return nil, err
	}
	return g.Transport.Dial(ctx, host)
}

func (g guarded) Blobs(host string) backend.Blobs {
	if err := checkHost(g.home, host); err != nil {
		return noBlobs{err}
	}
	return g.Transport.Blobs(host)
}

// noBlobs are those of a server that is not contacted.
type noBlobs struct{ err error }

func (b noBlobs) Create(context.Context, protocol.UploadToken, int64, time.Duration) (int64, error) {
	return 0, b.err
}

func (b noBlobs) Append(context.Context, protocol.UploadToken, int64, io.Reader) error { return b.err }

func (b noBlobs) Fetch(context.Context, protocol.BlobID, int64) (io.ReadCloser, error) {
	return nil, b.err
}
