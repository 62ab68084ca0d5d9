// SPDX-License-Identifier: AGPL-3.0-or-later

package webapp

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

var bundle = fstest.MapFS{
	"index.html":            {Data: []byte(`<!doctype html><meta name="securecrypt-server" content="">page`)},
	"index.html.br":         {Data: []byte("page in br")},
	"index.html.gz":         {Data: []byte("page in gz")},
	"assets/main-ABC.js":    {Data: []byte("plain script")},
	"assets/main-ABC.js.br": {Data: []byte("br script")},
	"assets/main-ABC.js.gz": {Data: []byte("gz script")},
	"assets/core-ABC.wasm":  {Data: []byte("\x00asm")},
	"assets/worker-ABC.js":  {Data: []byte("core's worker")},
	"icon-192.png":          {Data: []byte("png")},
	"sw.js":                 {Data: []byte("worker")},
	"manifest.webmanifest":  {Data: []byte("{}")},
	".keep":                 {Data: []byte("kept")},
	"assets/secret.unknown": {Data: []byte("of no known type")},
}

func get(t *testing.T, o Options, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://host/", nil)
	r.URL.Path = path
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	serve(o, bundle).ServeHTTP(w, r)
	return w
}

func TestNegotiation(t *testing.T) {
	for accept, want := range map[string]string{
		"":                    "plain script",
		"gzip":                "gz script",
		"gzip, deflate, br":   "br script",
		"br;q=0, gzip":        "gz script",
		"br;q=0.0, gzip;q=0":  "plain script",
		"*":                   "br script",
		"identity, zstd":      "plain script",
		"gzip;q=0.2, br;q=.1": "br script",
		"nonsense;;;=,,":      "plain script",
		"*, br;q=0":           "gz script",
		"br;q=0, *":           "gz script",
		"*;q=0, br":           "br script",
		"*;q=0, gzip;q=1":     "gz script",
		"gzip;q=0, *;q=0.5":   "br script",
		"*;q=0":               "plain script",
	} {
		w := get(t, Options{}, "/assets/main-ABC.js", "Accept-Encoding", accept)
		if got := w.Body.String(); got != want {
			t.Errorf("Accept-Encoding %q: got %q, want %q", accept, got, want)
		}
		if w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: no Vary", accept)
		}
	}
}

func TestCaching(t *testing.T) {
	for path, want := range map[string]string{
		"/assets/main-ABC.js": "public, max-age=31536000, immutable", "/": "no-cache", "/sw.js": "no-cache", "/manifest.webmanifest": "no-cache",
	} {
		if got := get(t, Options{}, path).Header().Get("Cache-Control"); got != want {
			t.Errorf("%s: Cache-Control %q, want %q", path, got, want)
		}
	}
	tag := get(t, Options{}, "/").Header().Get("ETag")
	if w := get(t, Options{}, "/", "If-None-Match", tag); w.Code != http.StatusNotModified {
		t.Errorf("same ETag %q: got %d, want 304", tag, w.Code)
	}
	if br := get(t, Options{}, "/", "Accept-Encoding", "br").Header().Get("ETag"); br == tag {
		t.Error("two encodings share an ETag")
	}
}

func TestETagsFollowTheContent(t *testing.T) {
	const path = "/assets/main-ABC.js"
	for _, coding := range []string{"", "br", "gzip"} {
		first := get(t, Options{}, path, "Accept-Encoding", coding)
		tag := first.Header().Get("ETag")
		again := get(t, Options{}, path, "Accept-Encoding", coding, "If-None-Match", tag)
		if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%q with its own tag: got %d with %d bytes, want an empty 304", coding, again.Code, again.Body.Len())
		}
		if again.Header().Get("Content-Security-Policy") == "" || again.Header().Get("Vary") == "" {
			t.Errorf("%q: the 304 lacks headers: %v", coding, again.Header())
		}
		for _, other := range []string{"", "br", "gzip"} {
			w := get(t, Options{}, path, "Accept-Encoding", other, "If-None-Match", tag)
			if other != coding && w.Code != http.StatusOK {
				t.Errorf("the tag of %q for %q: got %d, want 200", coding, other, w.Code)
			}
		}
	}
	one, other := get(t, Options{Server: "a.example"}, "/").Header().Get("ETag"), get(t, Options{Server: "b.example"}, "/").Header().Get("ETag")
	if one == other {
		t.Error("pages of two servers share an ETag")
	}
}

func TestLengths(t *testing.T) {
	const path = "/assets/main-ABC.js"
	for _, accept := range []string{"", "br", "gzip"} {
		w := get(t, Options{}, path, "Accept-Encoding", accept)
		if got, want := w.Header().Get("Content-Length"), strconv.Itoa(w.Body.Len()); got != want {
			t.Errorf("Accept-Encoding %q: Content-Length %q, want %q", accept, got, want)
		}
		tag := w.Header().Get("ETag")
		for _, c := range []struct {
			header, value string
			code          int
		}{{"If-None-Match", tag, http.StatusNotModified}, {"If-Match", `"other"`, http.StatusPreconditionFailed}, {"Range", "bytes=2-4", http.StatusPartialContent}} {
			w := get(t, Options{}, path, "Accept-Encoding", accept, c.header, c.value)
			if got := w.Header().Get("Content-Length"); w.Code != c.code || got != "" && got != strconv.Itoa(w.Body.Len()) {
				t.Errorf("Accept-Encoding %q, %s: got %d with Content-Length %q and %d bytes", accept, c.header, w.Code, got, w.Body.Len())
			}
		}
	}
}

func TestHead(t *testing.T) {
	for _, path := range []string{"/", "/share", "/assets/main-ABC.js", "/nothing"} {
		want := get(t, Options{}, path, "Accept-Encoding", "br")
		r := httptest.NewRequest(http.MethodHead, path, nil)
		r.Header.Set("Accept-Encoding", "br")
		recorded := httptest.NewRecorder()
		serve(Options{}, bundle).ServeHTTP(recorded, r)
		if recorded.Code != want.Code {
			t.Errorf("HEAD %s: got %d, GET gets %d", path, recorded.Code, want.Code)
		}
		for _, name := range []string{"Content-Type", "Content-Length", "Content-Encoding", "ETag", "Cache-Control", "Content-Security-Policy"} {
			if got := recorded.Header().Get(name); got != want.Header().Get(name) {
				t.Errorf("HEAD %s: %s is %q, with GET %q", path, name, got, want.Header().Get(name))
			}
		}
		if want.Code == http.StatusOK && recorded.Body.Len() != 0 {
			t.Errorf("HEAD %s: got a body", path)
		}
	}
}

func TestPageNamesItsServer(t *testing.T) {
	for server, want := range map[string]string{
		"chat.example.org:8443":       `content="chat.example.org:8443">`,
		`"><script>alert(1)</script>`: `content="&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;">`,
		`a'b&c`:                       `content="a&#39;b&amp;c">`,
		`$1 \0 %s {{.}}`:              `content="$1 \0 %s {{.}}">`,
	} {
		for _, accept := range []string{"", "br, gzip"} {
			w := get(t, Options{Server: server}, "/share", "Accept-Encoding", accept)
			if body := w.Body.String(); !strings.Contains(body, want) || !strings.HasSuffix(body, "page") {
				t.Errorf("server %q, Accept-Encoding %q: the page is %q, want it to hold %q", server, accept, body, want)
			}
			if coding := w.Header().Get("Content-Encoding"); coding != "" {
				t.Errorf("server %q: encoded as %q, which lacks the name", server, coding)
			}
		}
	}
	if w := get(t, Options{}, "/", "Accept-Encoding", "br"); w.Body.String() != "page in br" {
		t.Errorf("without a server: got %q", w.Body)
	}
}

func TestTypes(t *testing.T) {
	for path, want := range map[string]string{
		"/": "text/html; charset=utf-8", "/assets/main-ABC.js": "text/javascript; charset=utf-8", "/assets/core-ABC.wasm": "application/wasm",
		"/icon-192.png": "image/png", "/manifest.webmanifest": "application/manifest+json",
	} {
		if got := get(t, Options{}, path).Header().Get("Content-Type"); got != want {
			t.Errorf("%s: Content-Type %q, want %q", path, got, want)
		}
	}
}

// TestOverANetwork sends paths as they are, which clients usually tidy up.
func TestOverANetwork(t *testing.T) {
	server := httptest.NewServer(serve(Options{}, bundle))
	defer server.Close()
	for path, want := range map[string]int{
		"/assets/main-ABC.js": 200, "/../../../etc/passwd": 404, "/assets/../../webapp.go": 404, "/%2e%2e/webapp.go": 404, "/assets/%2e%2e%2f%2e%2e%2fwebapp.go": 404,
		"//etc/passwd": 404, "/assets/main-ABC.js%00.png": 404, "/assets/%5c..%5cwebapp.go": 404, "/share/../sw.js": 200,
	} {
		if got := status(t, server.Listener.Addr().String(), path); got != want {
			t.Errorf("%s: got %d, want %d", path, got, want)
		}
	}
}

// status asks for a path, byte for byte, and returns the answer's code.
func status(t *testing.T, addr, path string) int {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: host\r\nConnection: close\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var code int
	if _, err := fmt.Sscanf(line, "HTTP/1.1 %d", &code); err != nil {
		t.Fatalf("%s: %q: %v", path, line, err)
	}
	return code
}

func TestPlacesShowThePage(t *testing.T) {
	for _, path := range []string{"/", "/share"} {
		w := get(t, Options{}, path)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "page") {
			t.Errorf("%s: got %d %q", path, w.Code, w.Body)
		}
	}
}

func TestNothingElseIsServed(t *testing.T) {
	for _, path := range []string{
		"/.keep", "/assets/", "/assets", "/assets/main-ABC.js.br", "/assets/secret.unknown", "/webapp.go",
		"/../webapp.go", "/assets/../../webapp.go", "/..%2fwebapp.go", "/assets/..\\..\\webapp.go", "/v1/blobs/x", "/settingsx",
	} {
		if w := get(t, Options{}, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: got %d %q, want 404", path, w.Code, w.Body)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	w := httptest.NewRecorder()
	serve(Options{}, bundle).ServeHTTP(w, r)
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: got %d, want 405", w.Code)
	}
}

func TestHeadersOnEveryResponse(t *testing.T) {
	want := map[string]string{
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp", "Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
	}
	for _, path := range []string{"/", "/assets/main-ABC.js", "/nothing"} {
		h := get(t, Options{}, path).Header()
		for name, value := range want {
			if h.Get(name) != value {
				t.Errorf("%s: %s is %q, want %q", path, name, h.Get(name), value)
			}
		}
		csp := h.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none';", "script-src 'self';", "style-src 'self';", "require-trusted-types-for 'script'", "frame-ancestors 'none'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: the policy lacks %q: %s", path, part, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, " data:") || strings.Contains(csp, "http") || strings.Contains(csp, "connect-src") {
			t.Errorf("%s: the policy allows too much: %s", path, csp)
		}
		permissions := h.Get("Permissions-Policy")
		if !strings.Contains(permissions, "camera=(self)") || !strings.Contains(permissions, "geolocation=()") {
			t.Errorf("%s: Permissions-Policy %q", path, permissions)
		}
	}
}

// What each of the two workers may do is what it needs.
func TestPoliciesOfWorkers(t *testing.T) {
	policy := func(o Options, path string) string { return get(t, o, path).Header().Get("Content-Security-Policy") }
	for path, want := range map[string]string{
		"/assets/worker-ABC.js": "script-src 'wasm-unsafe-eval'; connect-src 'self' https: wss:; trusted-types 'none'",
		"/sw.js":                "connect-src 'self'; img-src 'self'; trusted-types 'none'",
	} {
		if got := policy(Options{}, path); !strings.HasSuffix(got, want) || strings.Contains(got, "http://") {
			t.Errorf("%s: %s", path, got)
		}
	}
	if got := policy(Options{Loopback: true}, "/assets/worker-ABC.js"); !strings.Contains(got, "ws://localhost:*") {
		t.Errorf("on loopback: %s", got)
	}
}

func TestWithoutBundle(t *testing.T) {
	w := httptest.NewRecorder()
	serve(Options{}, fstest.MapFS{".keep": {}}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "make web") {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
}
