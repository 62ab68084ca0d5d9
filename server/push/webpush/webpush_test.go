// SPDX-License-Identifier: AGPL-3.0-or-later

package webpush_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/push/webpush"
)

// service is a push service on this machine.
type service struct {
	*httptest.Server
	mu   sync.Mutex // guards seen
	seen []*http.Request
}

func newService(t *testing.T, answer http.HandlerFunc) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || len(body) > 0 {
			t.Errorf("a push has the body %q, %v", body, err)
		}
		s.mu.Lock()
		s.seen = append(s.seen, r)
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

func (s *service) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return pool
}

// host is where the service listens.
func (s *service) host() string { return strings.TrimPrefix(s.URL, "https://") }

func key(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := webpush.KeyFile(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newPusher(t *testing.T, o webpush.Options) *webpush.Pusher {
	t.Helper()
	if o.Key == nil {
		o.Key = key(t)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	p, err := webpush.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func created(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }

// claims checks the token of a request as a push service does.
func claims(t *testing.T, r *http.Request, k *ecdsa.PrivateKey, now time.Time) jwt.MapClaims {
	t.Helper()
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "vapid t=")
	text, public, ok2 := strings.Cut(given, ", k=")
	want, err := k.PublicKey.Bytes()
	if !ok || !ok2 || err != nil || public != base64.RawURLEncoding.EncodeToString(want) {
		t.Fatalf("authorization %q", r.Header.Get("Authorization"))
	}
	var c jwt.MapClaims
	_, err = jwt.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return &k.PublicKey, nil },
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithExpirationRequired(), jwt.WithTimeFunc(func() time.Time { return now }))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPush(t *testing.T) {
	s := newService(t, created)
	k, now := key(t), time.Unix(1_800_000_000, 0)
	p := newPusher(t, webpush.Options{
		Key: k, Services: []string{s.host()}, Roots: s.roots(), Contact: "https://chat.example", Now: func() time.Time { return now },
	})
	for range 2 {
		if err := p.Push(t.Context(), s.URL+"/one?two"); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(7 * time.Hour)
	if err := p.Push(t.Context(), s.URL+"/one?two"); err != nil {
		t.Fatal(err)
	}
	seen := s.requests()
	if len(seen) != 3 {
		t.Fatalf("%d requests", len(seen))
	}
	for _, r := range seen {
		if r.Method != http.MethodPost || r.URL.String() != "/one?two" || r.ContentLength != 0 {
			t.Errorf("%s %s of %d bytes", r.Method, r.URL, r.ContentLength)
		}
		for name, want := range map[string]string{"TTL": "86400", "Urgency": "high", "Topic": "wake"} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %q", name, got)
			}
		}
		c := claims(t, r, k, now.Add(-time.Hour))
		exp, err := c.GetExpirationTime()
		if err != nil || c["aud"] != s.URL || c["sub"] != "https://chat.example" || len(c) != 3 || exp.Sub(now) > 24*time.Hour {
			t.Errorf("claims %v", c)
		}
	}
	if a, b, c := seen[0].Header.Get("Authorization"), seen[1].Header.Get("Authorization"), seen[2].Header.Get("Authorization"); a != b || b == c {
		t.Error("a token is made for each push, or kept for too long")
	}
}

func TestAnswers(t *testing.T) {
	for status, want := range map[int]error{
		200: nil, 201: nil, 202: nil, 400: server.ErrPushRefused, 403: server.ErrPushRefused, 404: server.ErrPushGone, 410: server.ErrPushGone,
		301: server.ErrPushRefused, 307: server.ErrPushRefused,
	} {
		s := newService(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		})
		p := newPusher(t, webpush.Options{Services: []string{s.host()}, Roots: s.roots()})
		if err := p.Push(t.Context(), s.URL+"/"); !errors.Is(err, want) {
			t.Errorf("%d: %v", status, err)
		}
		if n := len(s.requests()); n != 1 {
			t.Errorf("%d: %d requests", status, n)
		}
	}
	for _, status := range []int{429, 500, 503} {
		s := newService(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		p := newPusher(t, webpush.Options{Services: []string{s.host()}, Roots: s.roots()})
		if err := p.Push(t.Context(), s.URL+"/"); err == nil || errors.Is(err, server.ErrPushGone) || errors.Is(err, server.ErrPushRefused) {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// A push service that talks without end or not at all holds up nobody.
func TestBadServices(t *testing.T) {
	endless := newService(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	p := newPusher(t, webpush.Options{Services: []string{endless.host()}, Roots: endless.roots()})
	if err := p.Push(t.Context(), endless.URL+"/"); err != nil {
		t.Errorf("endless: %v", err)
	}
	asked := make(chan struct{})
	silent := newService(t, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	})
	p = newPusher(t, webpush.Options{Services: []string{silent.host()}, Roots: silent.roots()})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	err := p.Push(ctx, silent.URL+"/secret-of-a-device")
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "secret") {
		t.Errorf("silent: %v", err)
	}
	p = newPusher(t, webpush.Options{Services: []string{silent.host()}})
	if err := p.Push(t.Context(), silent.URL+"/secret-of-a-device"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("of an unknown certificate: %v", err)
	}
}

// A name that is allowed leads nowhere but to the public internet, and no proxy
// of the environment is asked.
func TestNamesLeadNowhereElse(t *testing.T) {
	s := newService(t, created)
	t.Setenv("HTTPS_PROXY", s.URL)
	p := newPusher(t, webpush.Options{Services: []string{"localhost:1", "push.example.org"}, Roots: s.roots()})
	_, port, err := net.SplitHostPort(s.host())
	if err != nil {
		t.Fatal(err)
	}
	for _, endpoint := range []string{s.URL + "/", "https://localhost:" + port + "/", "http://push.example.org/"} {
		if p.Allows(endpoint) || p.Push(t.Context(), endpoint) == nil {
			t.Errorf("%s was taken", endpoint)
		}
	}
	if len(s.requests()) > 0 {
		t.Error("somebody was asked")
	}
}

func TestWhichEndpointsAreTaken(t *testing.T) {
	p := newPusher(t, webpush.Options{Services: append([]string{"LOCALHOST:8443", " 127.0.0.1:9 ", "[::1]:7"}, webpush.DefaultServices...)})
	for _, endpoint := range []string{
		"https://fcm.googleapis.com/fcm/send/x", "https://fcm.googleapis.com:443/x", "https://web.push.apple.com/x?y", "https://a.b.notify.windows.com/",
		"https://updates.push.services.mozilla.com/wpush/v2/x", "https://localhost:8443/x", "https://127.0.0.1:9/", "https://[::1]:7/",
	} {
		if !p.Allows(endpoint) {
			t.Errorf("%s is refused", endpoint)
		}
	}
	for _, endpoint := range []string{
		"", "x", "/x", "https:", "https:///x", "http://fcm.googleapis.com/x", "ftp://fcm.googleapis.com/x", "https://fcm.googleapis.com:80/x",
		"https://fcm.googleapis.com:/x", "https://fcm.googleapis.com./x", "https://user@fcm.googleapis.com/x", "https://fcm.googleapis.com@evil.example/x",
		"https://evil.example/fcm.googleapis.com", "https://fcm.googleapis.com.evil.example/x", "https://push.apple.com/x", "https://evilpush.apple.com/x",
		"https://.push.apple.com/x", "https://a..push.apple.com/x", "https://a_b.push.apple.com/x", "https://a%2f.push.apple.com/x", "https://FCM.googleapis.com/x",
		"https://fcm.googleapis.com/x#y", "https://localhost/x", "https://localhost:8444/x", "https://127.0.0.1:8443/", "https://127.0.0.1/", "https://10.0.0.1/",
		"https://[::1]/", "https://2130706433/", "https:fcm.googleapis.com/x", "https://fcm.googleapis.com\\@evil.example/", " https://fcm.googleapis.com/x",
	} {
		if p.Allows(endpoint) {
			t.Errorf("%q is taken", endpoint)
		}
	}
	for _, bad := range []string{"", "push", "https://push.example.org", "push.example.org:443", "*.", "*", "*.org", "10.0.0.1", "10.0.0.1:443", "127.0.0.1", "localhost", "localhost:", "push.example.org/x"} {
		_, err := webpush.New(webpush.Options{Key: key(t), Now: time.Now, Services: []string{bad}})
		if err == nil {
			t.Errorf("%q is taken as a push service", bad)
		}
	}
}

func TestKeyFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	first, err := webpush.KeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := webpush.KeyFile(path)
	if err != nil || !first.Equal(again) {
		t.Errorf("another key: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
	for name, text := range map[string]string{
		"junk": "junk", "nothing": "", "not a key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := webpush.KeyFile(path); err == nil || !strings.Contains(err.Error(), "backup") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
