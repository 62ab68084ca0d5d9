// SPDX-License-Identifier: AGPL-3.0-or-later

package s3

import (
	"net"
	"testing"

	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/bandwidth"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

func TestS3IsLimited(t *testing.T) {
	storagetest.RunLimited(t, func(t *testing.T, l *bandwidth.Limits) storage.Storage {
		o := options()
		o.Dial = l.Dial(new(net.Dialer).DialContext)
		return connectTo(t, startServer(t), "vault", o)
	})
}
