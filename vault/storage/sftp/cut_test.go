// SPDX-License-Identifier: AGPL-3.0-or-later

package sftp

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"sync"
	"testing"

	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/sftp/sftptest"
)

// userHome returns the home folder that sshd gives to the current user.
func userHome(t *testing.T) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.HomeDir
}

// A cutter cuts a connection at its n-th packet from when it is armed, before or
// after that packet was passed on.
type cutter struct {
	mu    sync.Mutex
	armed bool
	left  int  // packets until the cut; guarded by mu, like all below
	every bool // cuts each connection, not one alone
	limit int
	cuts  int
}

// arm has the connections cut from now on.
func (c *cutter) arm(packets int, every bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed, c.left, c.limit, c.every, c.cuts = true, packets, packets, every, 0
}

func (c *cutter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cuts
}

// pass reports whether a packet may pass.
func (c *cutter) pass() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.armed {
		return true
	}
	if c.left--; c.left > 0 {
		return true
	}
	c.cuts++
	c.left, c.armed = c.limit, c.every
	return false
}

func (c *cutter) dial(read bool) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return &cutConn{conn, c, read}, err
	}
}

// cutConn loses what arrives (read) or what is sent.
type cutConn struct {
	net.Conn
	cutter *cutter
	read   bool
}

func (c *cutConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.read && err == nil && !c.cutter.pass() {
		return 0, errors.Join(errCut, c.Close())
	}
	return n, err
}

func (c *cutConn) Write(b []byte) (int, error) {
	if !c.read && !c.cutter.pass() {
		return 0, errors.Join(errCut, c.Close())
	}
	return c.Conn.Write(b)
}

// forEachCut calls run with a storage whose connection is cut at the first packet,
// then with step more packets before the cut, until run ends before it.
func forEachCut(t *testing.T, server *sftptest.Server, dir string, step int, run func(t *testing.T, n int, v *Storage)) {
	for _, read := range []bool{true, false} {
		c, o := new(cutter), options(server)
		o.Dial = c.dial(read)
		v := connectTo(t, server, dir, o)
		for n := 1; ; n += step {
			if _, err := v.Flushes(t.Context()); err != nil { // it is connected
				t.Fatal(err)
			}
			c.arm(n, false)
			run(t, n, v)
			if c.count() == 0 {
				if n < 5 {
					t.Errorf("only %d packets could be cut", n-1)
				}
				break
			}
		}
	}
}

// Whatever request or answer is lost, an object is created once, by the call that
// says so.
func TestCreateSurvivesEachCut(t *testing.T) {
	server, dir, ctx := startServer(t), tempDir(t), t.Context()
	v := create(t, server, dir)
	data := bytes.Repeat([]byte("pack"), 1000)
	forEachCut(t, server, dir, 1, func(t *testing.T, n int, cut *Storage) {
		if err := cut.Create(ctx, "packs/new", data); err != nil {
			t.Fatalf("cut at packet %d: %v", n, err)
		}
		if got, err := storage.ReadAll(ctx, v, "packs/new", 10000); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("cut at packet %d: %d bytes, %v", n, len(got), err)
		}
		if err := errors.Join(cut.Sync(ctx), v.Delete(ctx, "packs/new"), v.Clean(ctx)); err != nil {
			t.Fatal(err)
		}
		noTemporaryFiles(t, dir)
	})
}

func TestCreateOfATakenNameSurvivesEachCut(t *testing.T) {
	server, dir, ctx := startServer(t), tempDir(t), t.Context()
	v := create(t, server, dir)
	if err := v.Create(ctx, "log/1", []byte("theirs")); err != nil {
		t.Fatal(err)
	}
	forEachCut(t, server, dir, 1, func(t *testing.T, n int, cut *Storage) {
		if err := cut.Create(ctx, "log/1", []byte("mine!!")); !errors.Is(err, storage.ErrExists) {
			t.Fatalf("cut at packet %d: %v", n, err)
		}
		if got, err := v.Read(ctx, "log/1", 0, 6); err != nil || string(got) != "theirs" {
			t.Fatalf("cut at packet %d: %q, %v", n, got, err)
		}
	})
}

func TestOtherCallsSurviveEachCut(t *testing.T) {
	server, dir, ctx := startServer(t), tempDir(t), t.Context()
	v := create(t, server, dir)
	forEachCut(t, server, dir, 3, func(t *testing.T, n int, cut *Storage) {
		if err := v.Replace(ctx, "packs/1", []byte("old")); err != nil {
			t.Fatal(err)
		}
		if err := cut.Replace(ctx, "packs/1", []byte("new")); err != nil {
			t.Fatalf("Replace, cut at packet %d: %v", n, err)
		}
		if got, err := cut.Read(ctx, "packs/1", 0, 3); err != nil || string(got) != "new" {
			t.Fatalf("Read, cut at packet %d: %q, %v", n, got, err)
		}
		listed := 0
		if err := cut.List(ctx, "packs/", func(string, int64) error { listed++; return nil }); err != nil || listed != 1 {
			t.Fatalf("List, cut at packet %d: %d, %v", n, listed, err)
		}
		if err := errors.Join(cut.Sync(ctx), cut.Delete(ctx, "packs/1")); err != nil {
			t.Fatalf("Sync and Delete, cut at packet %d: %v", n, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "packs", "1")); !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	})
}

// A large object is cut in the middle of its data, in both directions.
func TestLargeObjectsSurviveCuts(t *testing.T) {
	server, dir, ctx := startServer(t), tempDir(t), t.Context()
	v := create(t, server, dir)
	data := make([]byte, storage.MaxObject)
	for i := range data {
		data[i] = byte(i>>16) ^ byte(i)
	}
	if err := v.Create(ctx, "packs/1", data); err != nil {
		t.Fatal(err)
	}
	for _, packets := range []int{20, 200} {
		for _, read := range []bool{true, false} {
			c, o := new(cutter), options(server)
			o.Dial = c.dial(read)
			cut := connectTo(t, server, dir, o)
			if _, err := cut.Flushes(ctx); err != nil {
				t.Fatal(err)
			}
			c.arm(packets, false)
			var err error
			if read {
				var got []byte
				if got, err = cut.Read(ctx, "packs/1", 0, storage.MaxObject); !bytes.Equal(got, data) {
					t.Errorf("cut after %d packets: other bytes", packets)
				}
			} else {
				err = errors.Join(cut.Create(ctx, "packs/2", data), v.Delete(ctx, "packs/2"))
			}
			if err != nil || c.count() != 1 {
				t.Errorf("cut after %d packets: %v, %d cuts", packets, err, c.count())
			}
		}
	}
}

// A connection that is always lost is given up, and the error says what to do.
func TestLostConnectionsAreGivenUp(t *testing.T) {
	server, dir, ctx := startServer(t), tempDir(t), t.Context()
	v := create(t, server, dir)
	c, o := new(cutter), options(server)
	o.Dial = c.dial(true)
	cut := connectTo(t, server, dir, o)
	if _, err := cut.Flushes(ctx); err != nil {
		t.Fatal(err)
	}
	c.arm(1, true)
	if err := cut.Create(ctx, "packs/1", []byte("x")); !errors.Is(err, ErrConnection) {
		t.Errorf("creating: %v", err)
	}
	if n := c.count(); n != maxRetries+1 {
		t.Errorf("%d attempts, want %d", n, maxRetries+1)
	}
	server.Stop()
	v.current.close()
	if _, err := v.Size(ctx, "config"); !errors.Is(err, ErrConnection) {
		t.Errorf("a server that is gone: %v", err)
	}
}

// A context that is done in the middle of a call ends it.
func TestCancelledCallsEnd(t *testing.T) {
	server, dir := startServer(t), tempDir(t)
	v := create(t, server, dir)
	ctx, cancel := context.WithCancel(t.Context())
	c, o := new(cutter), options(server)
	o.Dial = func(dialCtx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(dialCtx, network, address)
		return &cancelConn{Conn: conn, cutter: c, cancel: cancel}, err
	}
	cancelled := connectTo(t, server, dir, o)
	if _, err := cancelled.Flushes(ctx); err != nil {
		t.Fatal(err)
	}
	c.arm(20, false)
	if err := cancelled.Create(ctx, "packs/1", make([]byte, storage.MaxObject)); !errors.Is(err, context.Canceled) {
		t.Errorf("creating: %v", err)
	}
	if _, err := v.Size(t.Context(), "packs/1"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a part of the object: %v", err)
	}
}

// cancelConn cancels a context at a packet, and goes on.
type cancelConn struct {
	net.Conn
	cutter *cutter
	cancel context.CancelFunc
}

func (c *cancelConn) Write(b []byte) (int, error) {
	if !c.cutter.pass() {
		c.cancel()
	}
	return c.Conn.Write(b)
}
