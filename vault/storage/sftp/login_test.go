// SPDX-License-Identifier: AGPL-3.0-or-later

package sftp

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh/agent"

	"github.com/securecrypt/securecrypt/vault/storage/sftp/sftptest"
)

// login connects once and returns the error.
func tryLogin(t *testing.T, s *sftptest.Server, o Options) error {
	t.Helper()
	v := newStorage(address(t, s, "/nowhere"), o)
	defer func() { _ = v.Close() }()
	_, err := v.Flushes(t.Context())
	return err
}

func wantError(t *testing.T, err, is error, parts ...string) {
	t.Helper()
	if !errors.Is(err, is) {
		t.Errorf("%v, want %v", err, is)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

func TestHostKeysAreChecked(t *testing.T) {
	server := startServer(t)
	o := options(server)
	if err := tryLogin(t, server, o); err != nil {
		t.Fatal(err)
	}
	other, _, _, err := sftptest.NewKey("")
	if err != nil {
		t.Fatal(err)
	}
	known, err := os.ReadFile(server.File("known_hosts"))
	if err != nil {
		t.Fatal(err)
	}
	unknown := o
	unknown.KnownHosts = []string{server.File("missing")}
	wantError(t, tryLogin(t, server, unknown), ErrHostKey, "not in known_hosts yet", "SHA256:", "ssh -p "+server.Port+" "+server.User+"@127.0.0.1")

	revoked := server.File("revoked")
	if err := os.WriteFile(revoked, append([]byte("@revoked * "), known[strings.Index(string(known), " ")+1:]...), 0o600); err != nil {
		t.Fatal(err)
	}
	r := o
	r.KnownHosts = []string{server.File("known_hosts"), revoked}
	wantError(t, tryLogin(t, server, r), ErrHostKey, "revoked", revoked)

	bad := server.File("bad")
	if err := os.WriteFile(bad, []byte("this is no line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := o
	b.KnownHosts = []string{bad}
	wantError(t, tryLogin(t, server, b), ErrHostKey, "correct or remove the line")

	if err := server.KnowHost(other); err != nil {
		t.Fatal(err)
	}
	wantError(t, tryLogin(t, server, o), ErrHostKey, "another machine may be answering", "ssh-keygen -R '[127.0.0.1]:"+server.Port+"'", "line 1")
}

// A server with several host keys shows one of those that known_hosts has.
func TestHostKeyOfTheKnownKind(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", filepath.Join(dir, "ecdsa")).CombinedOutput(); err != nil {
		t.Skipf("needs ssh-keygen, which `make openssh` installs: %v %s", err, out)
	}
	server := startServer(t, "HostKey "+filepath.Join(dir, "ecdsa"))
	if err := tryLogin(t, server, options(server)); err != nil { // known_hosts has the Ed25519 key
		t.Error(err)
	}
	only := startServer(t)
	ecdsa, err := os.ReadFile(filepath.Join(dir, "ecdsa.pub"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(only.File("known_hosts"), append([]byte("[127.0.0.1]:"+only.Port+" "), ecdsa...), 0o600); err != nil {
		t.Fatal(err)
	}
	wantError(t, tryLogin(t, only, options(only)), ErrHostKey, "ecdsa-sha2-nistp256", "ask its operator")
}

func TestRefusedLoginSaysWhatToDo(t *testing.T) {
	server := startServer(t)
	none := options(server)
	none.Identities = []string{server.File("missing")}
	wantError(t, tryLogin(t, server, none), ErrLogin, "no usable key", "ssh-copy-id -p "+server.Port)

	_, _, stranger, err := sftptest.NewKey("")
	if err != nil {
		t.Fatal(err)
	}
	file := server.File("stranger")
	if err := os.WriteFile(file, stranger, 0o600); err != nil {
		t.Fatal(err)
	}
	o := options(server)
	o.Identities = []string{file}
	o.AgentSocket = server.File("no-agent")
	wantError(t, tryLogin(t, server, o), ErrLogin, "refused 1 keys", "ssh-copy-id", "SSH agent", "ssh-agent")
}

// A key with a passphrase is used through the agent, and otherwise named.
func TestKeysWithAPassphraseComeFromTheAgent(t *testing.T) {
	server := startServer(t)
	public, private, text, err := sftptest.NewKey("secret")
	if err != nil {
		t.Fatal(err)
	}
	file := server.File("locked")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := server.Authorize(public); err != nil {
		t.Fatal(err)
	}
	o := options(server)
	o.Identities = []string{file}
	wantError(t, tryLogin(t, server, o), ErrLogin, "has a passphrase: run ssh-add "+file)

	o.AgentSocket = startAgent(t)
	wantError(t, tryLogin(t, server, o), ErrLogin, "has a passphrase")
	conn, err := net.Dial("unix", o.AgentSocket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	keys := agent.NewClient(conn)
	for range 8 { // more than the server lets a client try
		_, other, _, err := sftptest.NewKey("")
		if err != nil {
			t.Fatal(err)
		}
		if err := keys.Add(agent.AddedKey{PrivateKey: other}); err != nil {
			t.Fatal(err)
		}
	}
	if err := keys.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		t.Fatal(err)
	}
	if err := tryLogin(t, server, o); err != nil { // the identity file's key is tried first
		t.Error(err)
	}
	if err := keys.Lock([]byte("x")); err != nil {
		t.Fatal(err)
	}
	wantError(t, tryLogin(t, server, o), ErrLogin, "has a passphrase")
}

// startAgent runs ssh-agent and returns its socket.
func startAgent(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "agent")
	cmd := exec.Command("ssh-agent", "-D", "-a", socket)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("needs ssh-agent, which `make openssh` installs: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	if _, err := out.Read(make([]byte, 1)); err != nil { // it prints when it listens
		t.Fatal(err)
	}
	return socket
}

func TestServerWithoutSFTP(t *testing.T) {
	server := startServer(t, "Subsystem none /bin/false")
	if err := tryLogin(t, server, options(server)); err == nil || !strings.Contains(err.Error(), "offers no SFTP") {
		t.Errorf("a server without SFTP: %v", err)
	}
}

// An address that was never reached is not tried again.
func TestUnreachableServerIsTriedOnce(t *testing.T) {
	server := startServer(t)
	server.Stop()
	dials, o := 0, options(server)
	o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials++
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	wantError(t, tryLogin(t, server, o), ErrConnection, "check the address")
	if dials != 1 {
		t.Errorf("%d attempts", dials)
	}
}
