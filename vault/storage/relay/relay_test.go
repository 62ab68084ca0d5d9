// SPDX-License-Identifier: AGPL-3.0-or-later

package relay_test

import (
	"net"
	"testing"

	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/servertest"
	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/bandwidth"
	"github.com/securecrypt/securecrypt/vault/storage/relay"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// grant returns the credentials of a storage key that a person's device has signed.
func grant(t *testing.T, i *servertest.Instance, p servertest.Person) relay.Credentials {
	t.Helper()
	key, signature := p.StorageKey(t, i.Host)
	return relay.Credentials{Name: p.Name, Host: i.Host, Device: p.Device, Key: key, Grant: signature}
}

func connect(t *testing.T, i *servertest.Instance, c relay.Credentials, o relay.Options) *relay.Storage {
	t.Helper()
	o.URL = i.URL
	s, err := relay.Create(t.Context(), 1, c, o)
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

// TestStorageConforms runs the suite of storages against a server.
func TestStorageConforms(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) func() storage.Storage {
		i := servertest.Start(t, servertest.Options{})
		p, _ := servertest.Register(t, i, "bob")
		return func() storage.Storage { return connect(t, i, grant(t, i, p), relay.Options{}) }
	})
}

// TestStorageKeepsToLimits passes through a limited connection.
func TestStorageKeepsToLimits(t *testing.T) {
	storagetest.RunLimited(t, func(t *testing.T, l *bandwidth.Limits) storage.Storage {
		i := servertest.Start(t, servertest.Options{Limits: func(*fairness.Limits) {}})
		p, _ := servertest.Register(t, i, "bob")
		return connect(t, i, grant(t, i, p), relay.Options{Dial: l.Dial((&net.Dialer{}).DialContext)})
	})
}
