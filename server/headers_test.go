// SPDX-License-Identifier: AGPL-3.0-or-later

package server_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// Whatever a browser could show, refusals and redirects included, does nothing
// there; the page says itself what it may do.
func TestAnswersAreInert(t *testing.T) {
	const own = "script-src 'self'"
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Security-Policy", own) })
	with := servertest.Start(t, servertest.Options{Memory: true, Change: func(c *server.Config) { c.Page = page }})
	without := servertest.Start(t, servertest.Options{Memory: true})
	var id protocol.BlobID
	const bare = "default-src 'none'; frame-ancestors 'none'"
	for _, c := range []struct {
		server       *servertest.Instance
		method, path string
		status       int
		policy       string
	}{
		{with, http.MethodGet, "/", http.StatusOK, own},
		{with, http.MethodGet, "//", http.StatusTemporaryRedirect, bare},
		{with, http.MethodGet, "/a//b", http.StatusTemporaryRedirect, bare},
		{with, http.MethodGet, "/health", http.StatusOK, bare},
		{with, http.MethodGet, protocol.WebSocketPath, http.StatusBadRequest, bare},
		{with, http.MethodGet, protocol.BlobPath + "/" + id.String(), http.StatusNotFound, bare},
		{with, http.MethodOptions, protocol.BlobPath, http.StatusNoContent, bare},
		{without, http.MethodGet, "/", http.StatusNotFound, bare},
		{without, http.MethodPost, "/health", http.StatusMethodNotAllowed, bare},
	} {
		r := httptest.NewRequest(c.method, "http://host/", nil)
		r.URL.Path = c.path
		w := httptest.NewRecorder()
		c.server.Server.Handler().ServeHTTP(w, r)
		h := w.Header()
		if w.Code != c.status || h.Get("Content-Security-Policy") != c.policy || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s %s: got %d with %v, want %d and the policy %q", c.method, c.path, w.Code, h, c.status, c.policy)
		}
		if h.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s %s: speaks of TLS without it", c.method, c.path)
		}
	}
}

// Pages of other origins may open a WebSocket.
func TestPagesElsewhereConnect(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	dialer := ws.Dialer{Header: ws.HandshakeHeaderHTTP{"Origin": {"https://elsewhere.example"}}}
	conn, _, _, err := dialer.Dial(t.Context(), "ws"+strings.TrimPrefix(i.URL, "http")+protocol.WebSocketPath)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}
