// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// A reverse proxy of docs/proxy, and how it is started.
var reverseProxies = map[string]struct {
	program string
	config  string
	// prepare changes what has to be another in a test: ports, the certificate,
	// and where the program may write.
	prepare func(config string, port, behind, cert, key, dir string) string
	args    func(config, dir string) []string
}{
	"nginx": {"usr/sbin/nginx", "nginx.conf", func(config, port, behind, cert, key, dir string) string {
		for _, c := range [][2]string{
			{"listen 443 ssl http2;", "listen 0.0.0.0:" + port + " ssl http2;"}, {"listen [::]:443 ssl http2;", ""},
			{"127.0.0.1:7480", behind}, {"/etc/ssl/chat.example/fullchain.pem", cert}, {"/etc/ssl/chat.example/privkey.pem", key},
			{"include /etc/nginx/mime.types;", ""},
			{"access_log off;", "access_log off; client_body_temp_path " + dir + "/b; proxy_temp_path " + dir + "/p; fastcgi_temp_path " + dir + "/f; uwsgi_temp_path " + dir + "/u; scgi_temp_path " + dir + "/s;"},
			{"worker_processes auto;", "worker_processes 1; daemon off; pid " + dir + "/pid;"},
		} {
			config = strings.Replace(config, c[0], c[1], 1)
		}
		return config
	}, func(config, dir string) []string { return []string{"-c", config, "-p", dir, "-e", dir + "/errors"} }},
	"Caddy": {"usr/bin/caddy", "Caddyfile", func(config, port, behind, cert, key, dir string) string {
		config = strings.Replace(config, "127.0.0.1:7480", behind, 1)
		site := regexp.MustCompile(`(?m)^chat\.example \{$`)
		config = site.ReplaceAllString(config, "https://chat.example:"+port+" {\n\ttls "+cert+" "+key)
		return "{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system " + dir + "\n}\n" + config
	}, func(config, _ string) []string { return []string{"run", "--adapter", "caddyfile", "--config", config} }},
}

// proxyProgram finds a proxy: on this machine, or where `make test` unpacked it.
func proxyProgram(t *testing.T, path string) string {
	t.Helper()
	if found, err := exec.LookPath(filepath.Base(path)); err == nil {
		return found
	}
	found, err := filepath.Abs(filepath.Join("../../.tools/proxies", path))
	if err == nil {
		_, err = os.Stat(found)
	}
	if err != nil {
		t.Skipf("needs %s, which `make proxies` unpacks: %v", filepath.Base(path), err)
	}
	return found
}

// freePort returns a port for a program that cannot choose one itself: below
// those that the system gives to connections, which could take it meanwhile.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(20000 + rand.IntN(10000))
		ln, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue // somebody has it
		}
		if err := ln.Close(); err != nil {
			t.Fatal(err)
		}
		return port
	}
	t.Fatal("no port is free")
	return ""
}

// behindProxy starts a server and a proxy before it, and returns the proxy's
// port.
func behindProxy(t *testing.T, name string, args ...string) (port string, s *served) {
	t.Helper()
	kind := reverseProxies[name]
	program := proxyProgram(t, kind.program)
	text, err := os.ReadFile("../../docs/proxy/" + kind.config)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s = serve(t, filepath.Join(dir, "data"), append([]string{"--listen", "127.0.0.1:0", "--host", "chat.example", "--trusted-proxies", "loopback"}, args...)...)
	t.Cleanup(func() { s.stop(t) })
	cert, key := certificate(t, dir, 1)
	port = freePort(t)
	config := filepath.Join(dir, kind.config)
	if err := os.WriteFile(config, []byte(kind.prepare(string(text), port, s.listens, cert, key, dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, kind.args(config, dir)...)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it has ended if the test failed
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s\nthe server: %s", name, out.String(), s.log.String())
		}
	})
	for range 200 {
		resp, err := clientFrom("127.0.0.2", port).Get("https://chat.example/health")
		if err == nil {
			_ = resp.Body.Close() // only waited for
			return port, s
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s does not answer", name)
	return "", nil
}

// dialFrom returns what dials the proxy from one of this machine's addresses,
// whatever host is asked for.
func dialFrom(address, port string) func(ctx context.Context, network, host string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return servertest.Dialer(address).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
	}
}

func clientFrom(address, port string) *http.Client {
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DialContext:       dialFrom(address, port),
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // the proxy's certificate is not what is tested
		ForceAttemptHTTP2: true,
	}}
}

// socketFrom opens a WebSocket through the proxy and reads its hello.
func socketFrom(t *testing.T, address, port string, header http.Header) (net.Conn, protocol.Hello, error) {
	t.Helper()
	var hello protocol.Hello
	dialer := ws.Dialer{
		NetDial: dialFrom(address, port), TLSConfig: &tls.Config{InsecureSkipVerify: true}, Timeout: 20 * time.Second,
		Header: ws.HandshakeHeaderHTTP(header),
	}
	conn, r, _, err := dialer.Dial(t.Context(), "wss://chat.example"+protocol.WebSocketPath)
	if err != nil {
		return nil, hello, err
	}
	t.Cleanup(func() { _ = conn.Close() }) // closed by the test, perhaps
	var from io.Reader = conn
	if r != nil {
		from = r
	}
	_, payload, err := readFrame(from)
	if err != nil {
		return nil, hello, err
	}
	f, _, err := protocol.ParseFrame(payload)
	if err == nil {
		err = protocol.DecodeBody(f.Body, &hello)
	}
	return conn, hello, err
}

// readFrame reads a short frame.
func readFrame(r io.Reader) (op ws.OpCode, payload []byte, err error) {
	h, err := ws.ReadHeader(r)
	if err != nil {
		return 0, nil, err
	}
	if h.Length > 4<<10 {
		return 0, nil, errors.New("a frame that is too long for a test")
	}
	payload = make([]byte, h.Length)
	_, err = io.ReadFull(r, payload)
	return h.OpCode, payload, err
}

// TestReverseProxies runs the configurations of docs/proxy with the programs
// they are for.
func TestReverseProxies(t *testing.T) {
	for name := range reverseProxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port, _ := behindProxy(t, name, "--rates", "connect=5+0")
			t.Run("a WebSocket", func(t *testing.T) {
				if _, hello, err := socketFrom(t, "127.0.0.2", port, nil); err != nil || hello.Host != "chat.example" {
					t.Errorf("hello of %q, %v", hello.Host, err)
				}
			})
			t.Run("a file of three megabytes", func(t *testing.T) { passFile(t, clientFrom("127.0.0.2", port)) })
			t.Run("limits see people", func(t *testing.T) {
				for n := range 7 { // of which five are taken, whatever they say of themselves
					header := http.Header{"X-Forwarded-For": {fmt.Sprintf("192.0.2.%d", n)}, "Forwarded": {fmt.Sprintf("for=192.0.2.%d", n)}}
					_, _, err := socketFrom(t, "127.0.0.3", port, header)
					if (err == nil) != (n < 5) {
						t.Errorf("connection %d: %v", n+1, err)
					}
				}
				if _, _, err := socketFrom(t, "127.0.0.4", port, nil); err != nil {
					t.Errorf("somebody else: %v", err)
				}
			})
		})
	}
}

// TestIdleConnectionsSurviveProxies is silent for longer than proxies wait by
// themselves: the server's signs of life keep the connection.
func TestIdleConnectionsSurviveProxies(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for more than a minute")
	}
	for name := range reverseProxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port, _ := behindProxy(t, name)
			conn, _, err := socketFrom(t, "127.0.0.2", port, nil)
			if err != nil {
				t.Fatal(err)
			}
			until := time.Now().Add(100 * time.Second)
			pings := 0
			for time.Now().Before(until) {
				if err := conn.SetReadDeadline(until); err != nil {
					t.Fatal(err)
				}
				op, payload, err := readFrame(conn)
				if errors.Is(err, os.ErrDeadlineExceeded) {
					break
				}
				if err != nil {
					t.Fatalf("after %d signs of life: %v", pings, err)
				}
				if op == ws.OpPing {
					pings++
					if err := ws.WriteFrame(conn, ws.MaskFrame(ws.NewPongFrame(payload))); err != nil {
						t.Fatal(err)
					}
				}
			}
			if pings < 2 {
				t.Errorf("%d signs of life in 100 s", pings)
			}
		})
	}
}

func passFile(t *testing.T, web *http.Client) {
	t.Helper()
	token, content := protocol.UploadToken{1}, bytes.Repeat([]byte("0123456789abcdef"), 3<<20/16)
	path := "https://chat.example" + protocol.BlobPath
	ask := func(method, url string, body io.Reader, header ...string) (int, []byte) {
		req, err := http.NewRequestWithContext(t.Context(), method, url, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token.Text())
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, b
	}
	if status, b := ask(http.MethodPost, path, nil, protocol.HeaderUploadLength, fmt.Sprint(len(content))); status != protocol.BlobCreated {
		t.Fatalf("announcing: %d %s", status, b)
	}
	path += "/" + token.BlobID().String()
	if status, b := ask(http.MethodPatch, path, bytes.NewReader(content), protocol.HeaderUploadOffset, "0", "Content-Type", protocol.UploadType); status != protocol.BlobAppended {
		t.Fatalf("uploading: %d %s", status, b)
	}
	if status, b := ask(http.MethodGet, path, nil); status != protocol.BlobWhole || !bytes.Equal(b, content) {
		t.Errorf("downloading: %d, %d bytes", status, len(b))
	}
}

// TestProxyProtocol has limits see the people of whom a trusted proxy tells by
// the PROXY protocol, and believes nobody else who speaks it.
func TestProxyProtocol(t *testing.T) {
	s := serve(t, filepath.Join(t.TempDir(), "data"), "--listen", "127.0.0.1:0", "--host", "chat.example",
		"--trusted-proxies", "127.0.0.9", "--proxy-header", "proxy-protocol", "--rates", "connect=2+0")
	defer s.stop(t)
	connect := func(from, line string) error {
		conn, err := servertest.Dialer(from).DialContext(t.Context(), "tcp", s.listens)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		_, err = fmt.Fprintf(conn, "%sGET %s HTTP/1.1\r\nHost: chat.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", line, protocol.WebSocketPath)
		if err != nil {
			return err
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return err
		}
		if resp.StatusCode != http.StatusSwitchingProtocols {
			return errors.New(resp.Status)
		}
		return nil
	}
	line := func(n int) string { return fmt.Sprintf("PROXY TCP4 192.0.2.%d 127.0.0.1 4000 443\r\n", n) }
	for n := range 5 {
		if err := connect("127.0.0.9", line(n)); err != nil {
			t.Errorf("person %d: %v", n, err)
		}
	}
	if first, second := connect("127.0.0.9", line(100)), connect("127.0.0.9", line(100)); first != nil || second != nil || connect("127.0.0.9", line(100)) == nil {
		t.Errorf("one person three times, of which two are allowed: %v, %v", first, second)
	}
	if connect("127.0.0.9", "") == nil {
		t.Error("the proxy may leave its line out")
	}
	if connect("127.0.0.8", line(7)) == nil {
		t.Error("a stranger may say who he is")
	}
	if err := connect("127.0.0.8", ""); err != nil {
		t.Errorf("without a proxy: %v", err)
	}
}

func TestProxyFlags(t *testing.T) {
	for _, args := range [][]string{
		{"--trusted-proxies", "nonsense"}, {"--trusted-proxies", "10.0.0.0/33"}, {"--proxy-header", "proxy-protocol"}, {"--proxy-header", "x-real-ip"},
		{"--rates", "letter"}, {"--rates", "letter=0+1"}, {"--rates", "letter=nan+1"}, {"--rates", "letter=1+nan"}, {"--rates", "unknown=1+1"}, {"--rates", "letter=1"}, {"--held-share", "0"}, {"--reserve-mib", "0"},
	} {
		code, _, errs := run(t, append([]string{"--data", filepath.Join(t.TempDir(), "data"), "serve", "--listen", "127.0.0.1:0"}, args...)...)
		if code != 2 || !strings.Contains(errs, args[0]) {
			t.Errorf("%v: exit code %d, %q", args, code, errs)
		}
	}
}
