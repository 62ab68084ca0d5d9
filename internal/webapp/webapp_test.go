// SPDX-License-Identifier: AGPL-3.0-or-later

package webapp

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

var bundle = fstest.MapFS{
	"index.html":            {Data: []byte("<!doctype html>page")},
	"index.html.br":         {Data: []byte("page in br")},
	"assets/main-ABC.js":    {Data: []byte("plain script")},
	"assets/main-ABC.js.br": {Data: []byte("br script")},
	"assets/main-ABC.js.gz": {Data: []byte("gz script")},
	"assets/core-ABC.wasm":  {Data: []byte("\x00asm")},
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

func TestPlacesShowThePage(t *testing.T) {
	for _, path := range []string{"/", "/c/abc", "/add/ana@example.org", "/settings", "/settings/privacy", "/new/group", "/requests"} {
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
		for _, part := range []string{"default-src 'none'", "script-src 'self' 'wasm-unsafe-eval';", "style-src 'self';", "require-trusted-types-for 'script'", "frame-ancestors 'none'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: the policy lacks %q: %s", path, part, csp)
			}
		}
		if strings.Contains(csp, "unsafe-inline") || strings.Contains(csp, " data:") || strings.Contains(csp, "http://") {
			t.Errorf("%s: the policy allows too much: %s", path, csp)
		}
		permissions := h.Get("Permissions-Policy")
		if !strings.Contains(permissions, "camera=(self)") || !strings.Contains(permissions, "geolocation=()") {
			t.Errorf("%s: Permissions-Policy %q", path, permissions)
		}
	}
	if csp := get(t, Options{Loopback: true}, "/").Header().Get("Content-Security-Policy"); !strings.Contains(csp, "ws://localhost:*") {
		t.Errorf("on loopback: %s", csp)
	}
}

func TestWithoutBundle(t *testing.T) {
	w := httptest.NewRecorder()
	serve(Options{}, fstest.MapFS{".keep": {}}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "make web") {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
}
