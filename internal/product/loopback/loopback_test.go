// SPDX-License-Identifier: AGPL-3.0-or-later

package loopback

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"
)

// six listens on [::1], where the machine has it.
func six(t *testing.T, port string) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp6", net.JoinHostPort("::1", port))
	if err != nil {
		t.Skipf("needs IPv6 on this machine: %v", err)
	}
	t.Cleanup(func() { _ = ln.Close() }) // a test may have closed it
	return ln
}

func port(t *testing.T, ln net.Listener) string {
	t.Helper()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// answers serves on a listener until the test ends.
func answers(t *testing.T, ln net.Listener) {
	t.Helper()
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "here")
	})}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ln) }()
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

func TestBothAddressesAnswer(t *testing.T) {
	six(t, "0")
	for _, address := range []string{"localhost:0", "127.0.0.1:0", "[::1]:0"} {
		ln, err := Listen(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		answers(t, ln)
		if host, _, _ := net.SplitHostPort(ln.Addr().String()); host != "127.0.0.1" {
			t.Errorf("%s: listens on %s", address, ln.Addr())
		}
		for _, host := range []string{"127.0.0.1", "[::1]", "localhost"} {
			resp, err := http.Get("http://" + host + ":" + port(t, ln))
			if err != nil {
				t.Errorf("%s: %v", address, err)
				continue
			}
			if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "here" || resp.Body.Close() != nil {
				t.Errorf("%s: %s says %q, %v", address, host, b, err)
			}
		}
	}
}

func TestTakenPortIsRefused(t *testing.T) {
	other := six(t, "0")
	if _, err := Listen(t.Context(), "localhost:"+port(t, other)); !errors.Is(err, ErrTaken) || !strings.Contains(err.Error(), "[::1]:"+port(t, other)) {
		t.Errorf("taken on [::1]: %v", err)
	}
	free, err := net.Listen("tcp4", "127.0.0.1:"+port(t, other))
	if err != nil {
		t.Fatalf("what was refused still listens: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(t.Context(), "localhost:"+port(t, free)); !errors.Is(err, ErrTaken) || !strings.Contains(err.Error(), "127.0.0.1:"+port(t, free)) {
		t.Errorf("taken on 127.0.0.1: %v", err)
	}
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	ln, err := Listen(t.Context(), "localhost:"+port(t, free))
	if err != nil {
		t.Fatalf("free again: %v", err)
	}
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	six(t, port(t, ln)) // both are given back
}

// A port that the system chose on one address may be taken on the other.
func TestChosenPortIsFreeOnBoth(t *testing.T) {
	var seen []string
	ln, err := listen(t.Context(), "localhost:0", func(ctx context.Context, network, address string) (net.Listener, error) {
		seen = append(seen, network)
		if len(seen) == 2 {
			return nil, &net.OpError{Op: "listen", Err: syscall.EADDRINUSE}
		}
		return net.Listen("tcp4", strings.Replace(address, "[::1]:"+address[strings.LastIndexByte(address, ':')+1:], "127.0.0.1:0", 1))
	})
	if err != nil || strings.Join(seen, " ") != "tcp4 tcp6 tcp4 tcp6" {
		t.Fatalf("%v after %q", err, seen)
	}
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
}

func TestWithoutIPv6(t *testing.T) {
	for err, want := range map[syscall.Errno]bool{syscall.EADDRNOTAVAIL: true, syscall.EAFNOSUPPORT: true, syscall.EADDRINUSE: false, syscall.EACCES: false} {
		ln, got := listen(t.Context(), "localhost:0", func(ctx context.Context, network, address string) (net.Listener, error) {
			if network == "tcp6" {
				return nil, &net.OpError{Op: "listen", Err: err}
			}
			return net.Listen(network, address)
		})
		if (got == nil) != want {
			t.Errorf("%v: got %v", err, got)
		}
		if ln != nil {
			answers(t, ln)
		}
	}
}

func TestOtherAddresses(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "localhost", "example.org:80", "192.0.2.1:80", "[::]:0", "127.0.0.2:0"} {
		if ln, err := Listen(t.Context(), address); err == nil || Is(address) {
			t.Errorf("%s: got %v", address, ln)
		}
	}
}

func TestOnlyThisMachineIsNamed(t *testing.T) {
	h := Only(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) }), "7488", "localhost:8443")
	for host, want := range map[string]int{
		"localhost:7488": 204, "LocalHost:7488": 204, "127.0.0.1:7488": 204, "[::1]:7488": 204, "localhost:8443": 204,
		"localhost": 421, "localhost:7489": 421, "127.0.0.1:8443": 421, "rebound.example": 421, "rebound.example:7488": 421, "127.0.0.1": 421,
		"localhost.rebound.example:7488": 421, "": 421, "[::1]": 421, "192.168.0.2:7488": 421,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: got %d, want %d", host, w.Code, want)
		}
		if want == 421 && (!strings.Contains(w.Body.String(), "http://localhost:7488") || w.Header().Get("X-Content-Type-Options") != "nosniff" ||
			w.Header().Get("Content-Security-Policy") == "" || w.Header().Get("Referrer-Policy") == "") {
			t.Errorf("%q: %v %q", host, w.Header(), w.Body)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "http://localhost/", nil)
	w := httptest.NewRecorder()
	Only(http.NotFoundHandler(), "80").ServeHTTP(w, r)
	if w.Code != http.StatusNotFound {
		t.Errorf("port 80, which browsers leave out: got %d", w.Code)
	}
}
