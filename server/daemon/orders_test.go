// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/daemon"
	"github.com/securecrypt/securecrypt/server/servertest"
	"github.com/securecrypt/securecrypt/server/store/pebble"
)

// logs waits until a server has logged a text.
func (s *served) logs(t *testing.T, text string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !strings.Contains(s.log.String(), text) {
		if time.Now().After(deadline) {
			t.Fatalf("the log lacks %q: %s", text, s.log.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (s *served) hangUp(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// A hang-up has the server read its certificate and its log level again, and say
// what needs a restart. It ends nothing, whatever stands in the files.
func TestHangUpReloads(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := certificate(t, dir, 1)
	config := filepath.Join(dir, "config.toml")
	configure := func(text string) {
		t.Helper()
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	configure("log-level = \"info\"\n")
	s := serve(t, filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--host", "chat.example", "--tls", "files", "--tls-cert", certFile, "--tls-key", keyFile, "--config", config)
	serial := func() int64 {
		t.Helper()
		c, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(t.Context(), "tcp", s.listens) // the test compares serial numbers
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }() // nothing was said on it
		return c.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	info, err := os.Stat(certFile)
	if err != nil {
		t.Fatal(err)
	}
	certificate(t, dir, 2)
	if err := os.Chtimes(certFile, info.ModTime(), info.ModTime()); err != nil { // which nobody would notice
		t.Fatal(err)
	}
	if got := serial(); got != 1 {
		t.Fatalf("certificate %d before the hang-up", got)
	}
	configure("log-level = \"info\"\nregistration = \"closed\"\n")
	s.hangUp(t)
	s.logs(t, "reloaded")
	s.logs(t, "need a restart")
	s.logs(t, "Registration")
	if got := serial(); got != 2 {
		t.Errorf("certificate %d after the hang-up", got)
	}
	configure("log-level = \"loud\"\n")
	if err := os.WriteFile(keyFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.hangUp(t)
	s.logs(t, "the settings cannot be used")
	s.logs(t, "the certificate cannot be used")
	if got := serial(); got != 2 {
		t.Errorf("certificate %d after a hang-up with a wrong key", got)
	}
	configure("log-level = \"error\"\n")
	s.hangUp(t)
	time.Sleep(100 * time.Millisecond)
	s.hangUp(t)
	s.stop(t)
	if strings.Contains(s.log.String(), "server stops") {
		t.Error("the log level was not changed")
	}
}

func TestStopIsLogged(t *testing.T) {
	s := serve(t, filepath.Join(t.TempDir(), "data"), "--listen", "127.0.0.1:0")
	s.hangUp(t)
	s.logs(t, "reloaded")
	if servertest.Dial(t, s.instance()).Hello.Host != s.host {
		t.Error("another server")
	}
	s.stop(t)
	if !strings.Contains(s.log.String(), "server stops") {
		t.Errorf("the log: %s", s.log.String())
	}
}

// One address is listened on alone.
func TestServerListensOnOneAddressAlone(t *testing.T) {
	six, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skipf("needs IPv6 on this machine: %v", err)
	}
	if err := six.Close(); err != nil {
		t.Fatal(err)
	}
	for address, other := range map[string]string{"127.0.0.1:0": "[::1]", "[::1]:0": "127.0.0.1"} {
		s := serve(t, filepath.Join(t.TempDir(), "data"), "--listen", address)
		host, port, err := net.SplitHostPort(s.listens)
		if err != nil || !strings.Contains(address, host) {
			t.Fatalf("%s: listens on %s, %v", address, s.listens, err)
		}
		resp, err := http.Get("http://" + net.JoinHostPort(host, port) + "/health")
		if err != nil || resp.StatusCode != http.StatusOK || resp.Body.Close() != nil {
			t.Errorf("%s: %v", address, err)
		}
		free, err := net.Listen("tcp", other+":"+port)
		if err != nil {
			t.Errorf("%s: %s is taken, too: %v", address, other, err)
		} else if err := free.Close(); err != nil {
			t.Fatal(err)
		}
		s.stop(t)
	}
}

// An account deletes itself; its name stays reserved until the operator frees it,
// whether or not the server runs.
func TestNamesAreFreed(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s := serve(t, data, "--listen", "127.0.0.1:0")
	free := func(name string) (code int, out string) {
		code, stdout, stderr := run(t, "--data", data, "account", "free", name)
		return code, stdout + stderr
	}
	register := func(i *servertest.Instance, name string) error {
		return servertest.Dial(t, i).Do(protocol.OpRegister, servertest.NewPerson(t, i.Host, name).Registration(), &protocol.Empty{})
	}
	for _, name := range []string{"bob", "carol"} {
		_, c := servertest.Register(t, s.instance(), name)
		if code, out := free(name); code != daemon.ExitFailure || !strings.Contains(out, "only its owner") {
			t.Errorf("of an account that exists: %d %q", code, out)
		}
		c.Must(protocol.OpAccountDelete, &protocol.Empty{}, &protocol.Empty{})
	}
	if err := register(s.instance(), "bob"); err == nil {
		t.Error("a reserved name was registered")
	}
	if code, out, errs := run(t, "--data", data, "disclose", "bob@"+s.host); code != 0 || !strings.Contains(out, "reserved_name: 1") {
		t.Errorf("disclose: %d %q %q", code, out, errs)
	}
	if code, out := free("bob"); code != 0 || !strings.Contains(out, "can be registered again") {
		t.Errorf("running: %d %q", code, out)
	}
	if err := register(s.instance(), "bob"); err != nil {
		t.Error(err)
	}
	s.stop(t)
	if code, out := free("carol@" + s.host); code != 0 {
		t.Errorf("stopped: %d %q", code, out)
	}
	if code, out := free("carol"); code != daemon.ExitFailure || !strings.Contains(out, "nothing to free") {
		t.Errorf("twice: %d %q", code, out)
	}
	if code, out, errs := run(t, "--data", data, "check"); code != 0 {
		t.Errorf("check: %q %q", out, errs)
	}
}

// age makes the newest time that a stopped server's store knows another one.
func age(t *testing.T, data string, newest time.Time) {
	t.Helper()
	store, err := pebble.Open(filepath.Join(data, "store"), pebble.Options{Reserve: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.NoteTime(context.Background(), store, newest, "", 0); err != nil {
		t.Error(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// A clock that disagrees with the store is doubted until it is confirmed, whether
// or not the server runs.
func TestClockIsConfirmedByCommand(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	clock := func(args ...string) string {
		t.Helper()
		code, out, errs := run(t, append([]string{"--data", data, "clock"}, args...)...)
		if code != 0 {
			t.Fatalf("clock: %d %q", code, errs)
		}
		return out
	}
	health := func(s *served) string {
		t.Helper()
		resp, err := http.Get(s.url + "/health")
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.Body.Close() != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(resp.StatusCode, " ", string(b))
	}
	serve(t, data, "--listen", "127.0.0.1:0").stop(t)
	for _, off := range []time.Duration{20 * 24 * time.Hour, -20 * 24 * time.Hour} {
		age(t, data, time.Now().Add(off))
		if out := clock(); !strings.Contains(out, "does not trust it") {
			t.Errorf("stopped: %q", out)
		}
		s := serve(t, data, "--listen", "127.0.0.1:0")
		s.logs(t, "securecryptd clock confirm")
		if got := health(s); !strings.HasPrefix(got, "503 ") || !strings.Contains(got, "securecryptd clock confirm") {
			t.Errorf("/health: %s", got)
		}
		if out := clock(); !strings.Contains(out, "does not trust it") {
			t.Errorf("running: %q", out)
		}
		if out := clock("confirm"); !strings.Contains(out, "The server trusts it") {
			t.Errorf("confirmed: %q", out)
		}
		if got := health(s); got != "200 ok\n" {
			t.Errorf("/health: %s", got)
		}
		s.stop(t)
		if out := clock(); !strings.Contains(out, "The server trusts it") {
			t.Errorf("after a restart: %q", out)
		}
	}
	age(t, data, time.Now().Add(20*24*time.Hour))
	serve(t, data, "--listen", "127.0.0.1:0").stop(t) // the marker knows that time, too
	if out := clock("confirm"); !strings.Contains(out, "The server trusts it") {
		t.Errorf("confirmed while stopped: %q", out)
	}
	s := serve(t, data, "--listen", "127.0.0.1:0")
	s.stop(t)
	if log := s.log.String(); strings.Contains(log, "copied or put back") || strings.Contains(log, "clock confirm") {
		t.Errorf("after it was confirmed: %s", log)
	}
}

// Check compares the content of files, letters and accounts, and says of which
// files it knows the length alone.
func TestCheckComparesContent(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s := serve(t, data, "--listen", "127.0.0.1:0")
	l := startLoad(t, s, newJournals(t, s))
	l.stop()
	l.done.Wait()
	l.err = nil
	for n := range 4 {
		if err := l.upload(t.Context(), 2*n+1); err != nil {
			t.Fatal(err)
		}
	}
	bob, _ := servertest.Register(t, s.instance(), "bob")
	servertest.Dial(t, s.instance()).Must(protocol.OpLetterSend, &protocol.LetterSend{Name: "bob", Device: bob.Device, Letter: []byte("letter"), ID: [16]byte{1}}, &protocol.Empty{})
	s.stop(t)
	check := func() (int, string) {
		code, out, errs := run(t, "--data", data, "check")
		return code, out + errs
	}
	if code, out := check(); code != 0 || strings.Contains(out, "only the length") {
		t.Fatalf("%d %s", code, out)
	}
	files, err := filepath.Glob(filepath.Join(data, "blobs", "*", "*"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%v, %v", files, err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[0], changed(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := check(); code != daemon.ExitDamaged || !strings.Contains(out, "its content is not what was received") {
		t.Errorf("a changed file: %d %s", code, out)
	}
	if code, _, errs := run(t, "--data", data, "backup", filepath.Join(t.TempDir(), "b")); code != daemon.ExitFailure || !strings.Contains(errs, "securecryptd check") {
		t.Errorf("backup of a changed file: %d %s", code, errs)
	}
	if err := os.WriteFile(files[0], whole, 0o600); err != nil {
		t.Fatal(err)
	}
	spoil(t, data, l, bob.Device)
	if code, out := check(); code != daemon.ExitDamaged || !strings.Contains(out, "letter: its content is not what was received") || !strings.Contains(out, "Of 1 files only the length was checked") {
		t.Errorf("a letter of another hash, a file without one: %d %s", code, out)
	}
}

// spoil has a letter that is not the one that was received, and a blob that is
// older than hashes.
func spoil(t *testing.T, data string, l *load, device protocol.DeviceID) {
	t.Helper()
	store, err := pebble.Open(filepath.Join(data, "store"), pebble.Options{Reserve: 1})
	if err != nil {
		t.Fatal(err)
	}
	err = store.Update(context.Background(), func(tx server.WriteTx) error {
		for id := range l.blobs {
			row, err := tx.Blobs().Blob(id)
			if err != nil {
				return err
			}
			row.Hash = nil
			if err := tx.Blobs().Put(row); err != nil {
				return err
			}
			break
		}
		return tx.Mailboxes().Add(server.LetterRow{Name: "bob", Device: device, Expires: 1 << 40, Letter: []byte("forged")},
			server.SeenRow{Name: "bob", Device: device, ID: [16]byte{2}, Hash: [32]byte{2}, Expires: 1 << 40})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}
