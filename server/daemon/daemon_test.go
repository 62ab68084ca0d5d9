// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/daemon"
	"github.com/securecrypt/securecrypt/server/servertest"
)

const childEnv = "SECURECRYPTD_TEST_CHILD"

// TestMain is the command itself in the processes that tests start.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(daemon.Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func command(args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), childEnv+"=1")
	return c
}

// served is a server in a process of its own.
type served struct {
	cmd     *exec.Cmd
	url     string
	host    string
	listens string
	metrics string
	log     servertest.Logs
}

func serve(t *testing.T, data string, args ...string) *served {
	t.Helper()
	s := &served{cmd: command(append([]string{"--data", data, "serve"}, args...)...)}
	s.cmd.Stderr = &s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			_ = s.cmd.Process.Kill() // a failed test leaves it running
			_ = s.cmd.Wait()
		}
	})
	lines := bufio.NewScanner(out)
	for s.metrics == "" && lines.Scan() {
		line := lines.Text()
		if _, url, ok := strings.Cut(line, "ready at "); ok {
			s.url = url
		}
		if _, host, ok := strings.Cut(line, "name@"); ok {
			s.host = host
		}
		if _, listens, ok := strings.Cut(line, "listening: "); ok {
			s.listens = listens
		}
		if _, metrics, ok := strings.Cut(line, "metrics: "); ok {
			s.metrics = metrics
		}
	}
	if s.metrics == "" {
		_ = s.cmd.Wait()
		t.Fatalf("the server did not start: %s", s.log.String())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // until it ends
	return s
}

func (s *served) stop(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("stopping: %v: %s", err, s.log.String())
	}
}

func (s *served) instance() *servertest.Instance {
	return &servertest.Instance{URL: s.url, Host: s.host}
}

// run runs a command and returns its exit code and what it printed.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = daemon.Run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestOrdersWhileRunningAndWhenStopped(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s := serve(t, data, "--listen", "127.0.0.1:0", "--registration", "invite")
	code, codes, errs := run(t, "--data", data, "invite", "create", "--count", "2")
	if code != 0 || len(strings.Fields(codes)) != 2 {
		t.Fatalf("invite create: %d %q %q", code, codes, errs)
	}
	c := servertest.Dial(t, s.instance())
	bob := servertest.NewPerson(t, s.host, "bob")
	r := bob.Registration()
	c.Refused(protocol.CodeInviteRequired, protocol.OpRegister, r)
	r.Invite = strings.Fields(codes)[0]
	c.Must(protocol.OpRegister, r, &protocol.Empty{})
	c.Must(protocol.OpRegister, r, &protocol.Empty{}) // the answer may have been lost; the invitation is used

	disclose := func() string {
		code, out, errs := run(t, "--data", data, "disclose", "bob@"+s.host, "--json")
		if code != 0 || !json.Valid([]byte(out)) {
			t.Fatalf("disclose: %d %q %q", code, out, errs)
		}
		return out
	}
	list := func() string {
		code, out, errs := run(t, "--data", data, "invite", "list")
		if code != 0 {
			t.Fatalf("invite list: %q", errs)
		}
		return out
	}
	running, listed := disclose(), list()
	if code, _, errs := run(t, "--data", data, "check"); code != daemon.ExitFailure || !strings.Contains(errs, "Stop it first") {
		t.Errorf("check while running: %d %q", code, errs)
	}
	if code, _, errs := run(t, "--data", data, "disclose", "eve@"+s.host); code != daemon.ExitFailure || !strings.Contains(errs, "no such account") {
		t.Errorf("disclose of nobody: %d %q", code, errs)
	}
	checkMetrics(t, s)
	s.stop(t)
	if got := disclose(); got != running {
		t.Errorf("disclosures differ: %s and %s", running, got)
	}
	if got := list(); got != listed || len(strings.Fields(got)) == 0 {
		t.Errorf("lists differ: %q and %q", listed, got)
	}
	if code, out, errs := run(t, "--data", data, "check"); code != 0 || !strings.Contains(out, "No problems found") {
		t.Errorf("check: %d %q %q", code, out, errs)
	}
	for _, private := range []string{"bob", "127.0.0.1", s.host} {
		if strings.Contains(s.log.String(), private) {
			t.Errorf("the log contains %q", private)
		}
	}
}

func checkMetrics(t *testing.T, s *served) {
	t.Helper()
	resp, err := http.Get(s.metrics)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.Body.Close() != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte("securecrypt_connections 1")) || bytes.Contains(b, []byte("bob")) {
		t.Errorf("metrics: %s", b)
	}
	if resp, err = http.Get(s.url + "/metrics"); err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("/metrics on the public listener: %v", err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if resp, err = http.Get(s.url + "/health"); err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Strict-Transport-Security") != "" {
		t.Errorf("/health: %v, %v", resp, err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config.toml")
	write := func(text string) string {
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return config
	}
	for name, c := range map[string]struct {
		args []string
		want string
		code int
	}{
		"plain beyond loopback": {[]string{"serve", "--listen", "0.0.0.0:0"}, "--tls=auto", daemon.ExitUsage},
		"TLS without files":     {[]string{"serve", "--tls", "files", "--host", "chat.example.org", "--listen", "127.0.0.1:0"}, "--tls-cert", daemon.ExitUsage},
		"ACME without a name":   {[]string{"serve", "--tls", "auto", "--listen", "127.0.0.1:0"}, "--host", daemon.ExitUsage},
		"wrong host":            {[]string{"serve", "--host", "a b", "--listen", "127.0.0.1:0"}, "chat.example.org", daemon.ExitUsage},
		"public metrics":        {[]string{"serve", "--listen", "127.0.0.1:0", "--metrics", "0.0.0.0:0"}, "loopback", daemon.ExitUsage},
		"no push service":       {[]string{"serve", "--listen", "127.0.0.1:0", "--push-services", "none,https://push.example"}, "localhost:PORT", daemon.ExitUsage},
		"unknown flag":          {[]string{"serve", "--plaintext"}, "unknown flag", daemon.ExitUsage},
		"unknown setting":       {[]string{"serve", "--config", write("lisen = \"x\"\n")}, "lisen", daemon.ExitUsage},
		"no data":               {[]string{"check"}, "--data", daemon.ExitFailure},
		"not an address":        {[]string{"disclose", "bob"}, "--data", daemon.ExitFailure},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errs := run(t, append([]string{"--data", filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))}, c.args...)...)
			if code != c.code || !strings.Contains(errs, c.want) || strings.Contains(errs, "goroutine") {
				t.Errorf("exit %d, %q; want %d and %q", code, errs, c.code, c.want)
			}
		})
	}
}

func TestFlagsGoBeforeEnvironmentBeforeFile(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(config, []byte("listen = \"203.0.113.1:1\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SECURECRYPTD_CONFIG", config)
	try := func(args ...string) string {
		_, _, errs := run(t, append([]string{"--data", filepath.Join(dir, "d"), "serve"}, args...)...)
		return errs
	}
	if got := try(); !strings.Contains(got, "203.0.113.1:1") {
		t.Errorf("file: %q", got)
	}
	t.Setenv("SECURECRYPTD_LISTEN", "203.0.113.2:1")
	if got := try(); !strings.Contains(got, "203.0.113.2:1") {
		t.Errorf("environment: %q", got)
	}
	if got := try("--listen", "203.0.113.3:1"); !strings.Contains(got, "203.0.113.3:1") {
		t.Errorf("flag: %q", got)
	}
}

func TestHelpNamesEverySetting(t *testing.T) {
	code, out, _ := run(t, "serve", "--help")
	if code != 0 {
		t.Fatalf("exit %d", code)
	}
	for _, want := range []string{"--listen", "--host", "--tls", "--registration", "--metrics", "--push-services", "*.push.apple.com", "--max-connections", "$SECURECRYPTD_LISTEN", "localhost:7480"} {
		if !strings.Contains(out, want) {
			t.Errorf("help does not mention %s", want)
		}
	}
}

// The server keeps the key that browsers are subscribed to, where nobody else
// reads it; without push services it has none.
func TestPushKeyStays(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	path := filepath.Join(data, "push.pem")
	key := func(args ...string) (k protocol.WakeKey, err error) {
		s := serve(t, data, append([]string{"--listen", "127.0.0.1:0"}, args...)...)
		defer s.stop(t)
		return k, servertest.Dial(t, s.instance()).Do(protocol.OpWakeKey, &protocol.Empty{}, &k)
	}
	t.Setenv("SECURECRYPTD_PUSH_SERVICES", "none")
	if _, err := key(); !errors.Is(err, &protocol.Error{Code: protocol.CodeUnsupported}) {
		t.Errorf("without push services: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without push services: %v", err)
	}
	if err := os.Unsetenv("SECURECRYPTD_PUSH_SERVICES"); err != nil {
		t.Fatal(err)
	}
	first, err := key("--push-services", "push.example.org,*.push.example.com")
	if err != nil || first.Key[0] != 4 {
		t.Fatalf("%x, %v", first.Key, err)
	}
	config := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(config, []byte("push-services = \"push.example.org\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again, err := key("--config", config); err != nil || again != first {
		t.Errorf("%x, %v", again.Key, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := run(t, "--data", data, "serve", "--listen", "127.0.0.1:0"); code != daemon.ExitFailure || !strings.Contains(errs, "backup") {
		t.Errorf("a damaged key: %d %q", code, errs)
	}
}

// Both addresses of localhost are the server's, whichever a client tries, and no
// other name is.
func TestServerHasBothAddresses(t *testing.T) {
	taken, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skipf("needs IPv6 on this machine: %v", err)
	}
	dir := t.TempDir()
	address := strings.Replace(taken.Addr().String(), "[::1]", "localhost", 1)
	if code, _, errs := run(t, "--data", filepath.Join(dir, "refused"), "serve", "--listen", address); code != daemon.ExitFailure || !strings.Contains(errs, "is taken") {
		t.Errorf("a port that is taken on [::1]: %d %q", code, errs)
	}
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	s := serve(t, filepath.Join(dir, "data"), "--listen", address)
	defer s.stop(t)
	for _, host := range []string{"localhost", "127.0.0.1", "[::1]"} {
		resp, err := http.Get(strings.Replace(s.url, "localhost", host, 1) + "/health")
		if err != nil {
			t.Error(err)
			continue
		}
		if resp.StatusCode != http.StatusOK || resp.Body.Close() != nil {
			t.Errorf("%s: %s", host, resp.Status)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "rebound.example"
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusMisdirectedRequest || resp.Body.Close() != nil {
		t.Errorf("for another name: %s", resp.Status)
	}
}
