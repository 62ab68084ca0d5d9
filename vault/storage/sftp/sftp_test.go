// SPDX-License-Identifier: AGPL-3.0-or-later

package sftp

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/sftp/sftptest"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

// startServer runs sshd for a test.
func startServer(t *testing.T, lines ...string) *sftptest.Server {
	t.Helper()
	s, err := sftptest.Start(t.TempDir(), lines...)
	if errors.Is(err, sftptest.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// tempDir returns a folder in memory where the system has one: flushing thousands
// of files to a disk takes long.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "securecrypt-sftp-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// waitWithoutPause has calls tried again without a pause, and never asks an idle server
// whether it is there.
func waitWithoutPause(ctx context.Context, d time.Duration) error {
	if d == keepAliveInterval {
		<-ctx.Done()
	}
	return ctx.Err()
}

func options(s *sftptest.Server) Options {
	return Options{KnownHosts: []string{s.File("known_hosts")}, Identities: []string{s.File("identity")}, Wait: waitWithoutPause}
}

func address(t *testing.T, s *sftptest.Server, dir string) Address {
	t.Helper()
	a, err := ParseAddress(s.URL(dir), "nobody")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// create makes a vault's folder in dir, which is closed when the test ends.
func create(t *testing.T, s *sftptest.Server, dir string) *Storage {
	t.Helper()
	v, err := Create(t.Context(), address(t, s, dir), options(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v
}

func connectTo(t *testing.T, s *sftptest.Server, dir string, o Options) *Storage {
	t.Helper()
	v := newStorage(address(t, s, dir), o)
	t.Cleanup(func() { _ = v.Close() })
	return v
}

func TestSFTPConforms(t *testing.T) {
	server := startServer(t)
	storagetest.Run(t, func(t *testing.T) func() storage.Storage {
		dir := filepath.Join(tempDir(t), "vault")
		v := create(t, server, dir)
		t.Cleanup(func() {
			if err := v.Clean(context.Background()); err != nil { // what a cut left
				t.Error(err)
			}
		})
		return func() storage.Storage { return connectTo(t, server, dir, options(server)) }
	})
}

// A server without the extensions conforms in everything but the race of writers,
// and says so.
func TestServerWithoutHardLinksIsForOneDevice(t *testing.T) {
	server := startServer(t, "Subsystem sftp internal-sftp -P hardlink,fsync,posix-rename")
	dir := filepath.Join(tempDir(t), "vault")
	v, ctx := create(t, server, dir), t.Context()
	if err := v.Create(ctx, "log/1", []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := v.Create(ctx, "log/1", []byte("second")); !errors.Is(err, storage.ErrExists) {
		t.Errorf("creating a name that is taken: %v", err)
	}
	if err := v.Replace(ctx, "log/1", []byte("third")); err != nil {
		t.Fatal(err)
	}
	if b, err := v.Read(ctx, "log/1", 0, 5); err != nil || string(b) != "third" {
		t.Errorf("read %q, %v", b, err)
	}
	if err := v.Sync(ctx); err != nil {
		t.Error(err)
	}
	if yes, err := v.Flushes(ctx); yes || err != nil {
		t.Errorf("the server is said to flush: %v, %v", yes, err)
	}
	err := storage.Probe(ctx, v, connectTo(t, server, dir, options(server)), 1)
	if !errors.Is(err, storage.ErrNotAtomic) || !strings.Contains(err.Error(), extensionLink) {
		t.Errorf("probing: %v", err)
	}
	noTemporaryFiles(t, dir)
}

func TestServerWithHardLinksIsForSeveralDevices(t *testing.T) {
	server := startServer(t)
	v := create(t, server, filepath.Join(tempDir(t), "vault"))
	if err := v.AtomicCreate(t.Context()); err != nil {
		t.Error(err)
	}
	if yes, err := v.Flushes(t.Context()); !yes || err != nil {
		t.Errorf("OpenSSH flushes: %v, %v", yes, err)
	}
}

func noTemporaryFiles(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(filepath.Join(dir, tempFolder))
	if err != nil || len(left) > 0 {
		t.Errorf("%d temporary files are left, %v", len(left), err)
	}
}

func TestFoldersArePrivate(t *testing.T) {
	server := startServer(t)
	dir := filepath.Join(tempDir(t), "a", "vault")
	create(t, server, dir)
	for _, name := range append([]string{".", tempFolder}, folders...) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
}

func TestCreateRefusesAFolderInUse(t *testing.T) {
	server, dir, ctx := startServer(t), tempDir(t), t.Context()
	a := address(t, server, dir)
	if err := os.WriteFile(filepath.Join(dir, "letter.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(ctx, a, options(server)); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("a folder with a file in it: %v", err)
	}
	if _, err := Open(ctx, a, options(server)); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("opening a folder without a vault: %v", err)
	}
	begun := filepath.Join(dir, "begun")
	create(t, server, begun)
	v := create(t, server, begun) // the first may have been interrupted
	if err := v.Create(ctx, "config", []byte("c")); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(ctx, address(t, server, begun), options(server)); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a folder with a vault: %v", err)
	}
	opened, err := Open(ctx, address(t, server, begun), options(server))
	if err != nil {
		t.Fatal(err)
	}
	if err := opened.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := opened.Size(ctx, "config"); err == nil {
		t.Error("a closed storage answers")
	}
}

func TestFolderInHome(t *testing.T) {
	server := startServer(t)
	// The home folder of the user is not the test's: the path leads out of it.
	home, err := filepath.EvalSymlinks(userHome(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(tempDir(t), "vault")
	out, err := filepath.Rel(home, dir)
	if err != nil {
		t.Fatal(err)
	}
	a := address(t, server, dir)
	a.Path = "~/" + out
	v, err := Create(t.Context(), a, options(server))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	if _, err := os.Stat(filepath.Join(dir, "packs")); err != nil {
		t.Error(err)
	}
}

func TestListingIsChecked(t *testing.T) {
	server, dir, ctx := startServer(t), tempDir(t), t.Context()
	v := create(t, server, dir)
	for _, name := range []string{"packs/.hidden", "packs/UPPER", "packs/with space", "packs/good"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "packs", "link")); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	if err := v.List(ctx, "packs/", func(name string, _ int64) error { seen[name] = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 2 || !seen["packs/good"] {
		t.Errorf("listed: %v", seen)
	}
	if _, err := v.Size(ctx, "packs/link"); err == nil || errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a symbolic link has a size: %v", err)
	}
}

func TestCleanRemovesTemporaryFilesAndWritersGoOn(t *testing.T) {
	server, dir, ctx := startServer(t), tempDir(t), t.Context()
	v := create(t, server, dir)
	temp := filepath.Join(dir, tempFolder, "left")
	if err := os.WriteFile(temp, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := v.Clean(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(temp); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary file: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, tempFolder)); err != nil {
		t.Fatal(err)
	}
	if err := v.Create(ctx, "packs/1", []byte("x")); err != nil {
		t.Errorf("creating after somebody removed the folder of temporary files: %v", err)
	}
}

// A copy of a vault may lack the folders that were empty.
func TestMissingFoldersAreMade(t *testing.T) {
	server, dir, ctx := startServer(t), tempDir(t), t.Context()
	v := create(t, server, dir)
	for _, name := range []string{"probe", tempFolder} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.List(ctx, "probe/", func(name string, _ int64) error { return errors.New(name) }); err != nil {
		t.Errorf("listing a folder that is not there: %v", err)
	}
	if err := v.Create(ctx, "probe/1", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := v.Create(ctx, "probe/1", []byte("y")); !errors.Is(err, storage.ErrExists) {
		t.Errorf("creating a name that is taken: %v", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := v.Create(ctx, "probe/2", []byte("x")); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("creating in a vault that is gone: %v", err)
	}
}

// TestSilentServerIsNoticed has a server that stops answering: the keep-alive ends
// the call that waits for it.
func TestSilentServerIsNoticed(t *testing.T) {
	server, ctx := startServer(t), t.Context()
	v := create(t, server, filepath.Join(tempDir(t), "vault"))
	frozen := make(chan struct{})
	dialed := false
	o := options(server)
	o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if dialed {
			return nil, errCut
		}
		dialed = true
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return &freezableConn{Conn: conn, frozen: frozen, closed: make(chan struct{})}, err
	}
	asked := make(chan struct{}, 1)
	o.Wait = func(ctx context.Context, d time.Duration) error {
		switch d {
		case keepAliveInterval:
			select {
			case <-asked:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		case keepAliveTimeout:
			select {
			case <-frozen: // 90 seconds are over
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return errors.New("no second connection")
	}
	silent := newStorage(v.address, o)
	defer func() { _ = silent.Close() }()
	if err := silent.Create(ctx, "packs/1", []byte("x")); err != nil {
		t.Fatal(err)
	}
	close(frozen)
	asked <- struct{}{}
	if _, err := silent.Read(ctx, "packs/1", 0, 1); err == nil || err.Error() != "sftp: reading packs/1: no second connection" {
		t.Errorf("reading from a server that is silent: %v", err)
	}
}

// freezableConn delivers nothing after frozen is closed.
type freezableConn struct {
	net.Conn
	frozen, closed chan struct{}
}

func (c *freezableConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	select {
	case <-c.frozen:
		<-c.closed
		return 0, net.ErrClosed
	default:
		return n, err
	}
}

func (c *freezableConn) Close() error {
	select {
	case <-c.closed:
	default:
		close(c.closed)
	}
	return c.Conn.Close()
}

// A server that crashed may have lost the name of an object. Sync notices it after
// the connection was lost.
func TestSyncNoticesLostObjects(t *testing.T) {
	server, dir, ctx := startServer(t), tempDir(t), t.Context()
	v := create(t, server, dir)
	for _, name := range []string{"packs/1", "packs/2"} {
		if err := v.Create(ctx, name, bytes.Repeat([]byte("x"), 100)); err != nil {
			t.Fatal(err)
		}
	}
	v.current.close()
	if err := v.Sync(ctx); err != nil {
		t.Fatalf("both are there: %v", err)
	}
	for _, name := range []string{"packs/3", "packs/4"} {
		if err := v.Create(ctx, name, nil); err != nil {
			t.Fatal(err)
		}
	}
	v.current.close()
	if err := os.Remove(filepath.Join(dir, "packs", "3")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it does not forget
		if err := v.Sync(ctx); err == nil || !strings.Contains(err.Error(), "lost packs/3") {
			t.Errorf("Sync: %v", err)
		}
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]Address{
		"sftp://u@h/p":                      {"u", "h", "22", "/p"},
		"sftp://h:2222/a/b/":                {"me", "h", "2222", "/a/b"},
		"sftp://u@[::1]:22/a//b/../c":       {"u", "::1", "22", "/a/c"},
		"sftp://u@h/~/vault":                {"u", "h", "22", "~/vault"},
		"sftp://u@h/with%20space/%3F%C3%A9": {"u", "h", "22", "/with space/?é"},
	} {
		got, err := ParseAddress(in, "me")
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", in, got, err)
			continue
		}
		if again, err := ParseAddress(got.String(), "other"); err != nil || again != got {
			t.Errorf("%s is written as %s, which is %+v, %v", in, got, again, err)
		}
	}
	for _, in := range []string{"", "h:/p", "sftp://", "sftp://h", "sftp://h/", "sftp://h/~/", "sftp:///p", "sftp://u@h:0/p", "sftp://u@h:99999/p", "sftp://h/p?x=1", "sftp://h/p#x",
		"sftp://-oProxyCommand=x/p", "sftp://-u@h/p", "http://h/p", "sftp://h:x/p"} {
		if a, err := ParseAddress(in, "me"); err == nil {
			t.Errorf("%q is taken as %+v", in, a)
		}
	}
	_, err := ParseAddress("sftp://u:hunter2@h/p", "me")
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("an address with a password: %v", err)
	}
	if _, err := ParseAddress("sftp://u:hun ter2@h:x/p", "me"); err == nil || strings.Contains(err.Error(), "ter2") {
		t.Errorf("an address with a password: %v", err)
	}
}

var errCut = errors.New("the test cut the connection")
