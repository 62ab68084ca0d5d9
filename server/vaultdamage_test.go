// SPDX-License-Identifier: AGPL-3.0-or-later

package server_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/servertest"
	"github.com/securecrypt/securecrypt/server/store/storetest"
	"github.com/securecrypt/securecrypt/vault/storage/relay"
)

// TestVaultHashesFindDamage has the server hash objects whose files were changed and
// removed. The traffic does not grow with the objects.
func TestVaultHashesFindDamage(t *testing.T) {
	i := servertest.Start(t, servertest.Options{})
	p, _ := servertest.Register(t, i, "bob")
	var moved atomic.Int64
	s, err := relay.Create(t.Context(), 1, credentialsOf(t, i, p), relay.Options{URL: i.URL, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return countedConn{conn, &moved}, err
	}})
	check(t, err)
	defer func() { check(t, s.Close()) }()
	var names []string
	for n := range byte(100) {
		name, data := packOf(n, 256<<10)
		check(t, s.Create(t.Context(), name, data))
		names = append(names, name)
	}
	files := contentFiles(t, i)
	damaged, err := os.ReadFile(files[10])
	check(t, err)
	damaged[100_000] ^= 1
	check(t, os.WriteFile(files[10], damaged, 0o600))
	check(t, os.Remove(files[20]))
	moved.Store(0)
	intact, wrong := 0, 0
	check(t, s.Hashes(t.Context(), names, func(name string, size int64, sum [32]byte) error {
		if name == "packs/"+hex.EncodeToString(sum[:]) && size == 256<<10 {
			intact++
		} else {
			wrong++
		}
		return nil
	}))
	if intact != 98 || wrong != 1 {
		t.Errorf("%d intact, %d wrong, %d missing, want 98, 1 and 1", intact, wrong, 100-intact-wrong)
	}
	if n := moved.Load(); n > 250*100 {
		t.Errorf("%d bytes for 100 objects of 256 KiB", n)
	}
}

type countedConn struct {
	net.Conn
	n *atomic.Int64
}

func (c countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.n.Add(int64(n))
	return n, err
}

func (c countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.n.Add(int64(n))
	return n, err
}

// TestPacksDamagedOnTheWayAreRefused sends a pack under the name of another.
func TestPacksDamagedOnTheWayAreRefused(t *testing.T) {
	i := servertest.Start(t, servertest.Options{})
	p, _ := servertest.Register(t, i, "bob")
	s := vaultOf(t, i, p, 1)
	name, data := packOf(1, 4096)
	data[7] ^= 1
	if err := s.Create(t.Context(), name, data); !errors.Is(err, &protocol.Error{Code: protocol.CodeInvalid}) {
		t.Errorf("a damaged pack: %v", err)
	}
	if files := contentFiles(t, i); len(files) != 0 {
		t.Errorf("%d files are left", len(files))
	}
}

// TestVaultsOnAFailingStore has updates fail: nothing is acknowledged, and no content
// is left.
func TestVaultsOnAFailingStore(t *testing.T) {
	var faulty *storetest.Faulty
	i := servertest.Start(t, servertest.Options{Store: func(s server.Store) server.Store {
		faulty = storetest.NewFaulty(s)
		return faulty
	}})
	p, _ := servertest.Register(t, i, "bob")
	s := vaultOf(t, i, p, 1)
	faulty.Fail(func(int) error { return server.ErrFull })
	if err := s.Create(t.Context(), "config", []byte("c")); !errors.Is(err, relay.ErrConnection) {
		t.Errorf("on a full disk: %v", err)
	}
	faulty.Fail(nil)
	if files := contentFiles(t, i); len(files) != 0 || len(listed(t, s)) != 0 {
		t.Errorf("%d files are left", len(files))
	}
	check(t, s.Create(t.Context(), "config", []byte("c")))
}

// TestVaultUploadsAreWhole cuts an upload: nothing of it is there afterwards.
func TestVaultUploadsAreWhole(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Limits: func(l *fairness.Limits) { l.WriteTimeout = 200 * time.Millisecond }})
	p, _ := servertest.Register(t, i, "bob")
	var cut atomic.Int64
	cut.Store(1 << 40)
	s, err := relay.Create(t.Context(), 1, credentialsOf(t, i, p), relay.Options{URL: i.URL, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return cutConn{conn, &cut}, err
	}})
	check(t, err)
	defer func() { check(t, s.Close()) }()
	cut.Store(300_000)
	name, data := packOf(1, 4<<20)
	if err := s.Create(t.Context(), name, data); err == nil {
		t.Fatal("an upload that was cut succeeded")
	}
	cut.Store(1 << 40)
	if names := listed(t, s); len(names) != 0 {
		t.Errorf("%v are listed", names)
	}
	check(t, s.Create(t.Context(), name, data))
	got, err := s.Read(t.Context(), name, 0, int64(len(data)))
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// cutConn ends when all connections together have written so many bytes.
type cutConn struct {
	net.Conn
	left *atomic.Int64
}

func (c cutConn) Write(b []byte) (int, error) {
	if c.left.Add(-int64(len(b))) < 0 {
		return 0, errors.Join(io.ErrClosedPipe, c.Conn.Close())
	}
	return c.Conn.Write(b)
}
