// SPDX-License-Identifier: AGPL-3.0-or-later

package sftp

import (
	"net"
	"path/filepath"
	"testing"

	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/bandwidth"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

func TestSFTPIsLimited(t *testing.T) {
	storagetest.RunLimited(t, func(t *testing.T, l *bandwidth.Limits) storage.Storage {
		server := startServer(t)
		o := options(server)
		o.Dial = l.Dial(new(net.Dialer).DialContext)
		s, err := Create(t.Context(), address(t, server, filepath.Join(tempDir(t), "vault")), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	})
}
