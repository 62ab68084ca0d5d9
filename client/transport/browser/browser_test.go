// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build !js

package browser_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	ws "github.com/coder/websocket"

	"github.com/securecrypt/securecrypt/client/transport/internal/blobtest"
	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/servertest"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

// What the tests in transport_test.go, in the browser, talk to: a real server
// and two that misbehave. None of them is of the page's origin.
func TestInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("builds for the browser")
	}
	page := browsertest.Open(t)
	// The browser itself reports each of these; the tests see to the rest.
	page.Expect(`WebSocket connection to .* failed`)
	page.Expect(`Failed to load resource`)
	page.Expect(`blocked by CORS policy|net::ERR`)
	server := servertest.Start(t, servertest.Options{Memory: true})
	suite := browsertest.Build(t, ".")
	env := map[string]string{
		"SERVER":  server.Host,
		"SOCKETS": serve(t, sockets),
		"BLOBS":   serve(t, anyOrigin(reply)),
		"CLOSED":  serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }), // to pages
		"NOWHERE": "127.0.0.1:1",
	}
	for r, host := range servertest.Refusing(t) {
		env["REFUSES_"+string(r)] = host
	}
	for n, one := range blobtest.Foreigns {
		env[fmt.Sprint("FOREIGN_", n)] = serve(t, anyOrigin(foreign(one)))
	}
	suite.Run(t, page, browsertest.Options{Skip: "^TestPart", Env: env})
}

// serve starts a server and returns its host.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// sockets does with a connection what its first message says.
func sockets(w http.ResponseWriter, r *http.Request) {
	c, err := ws.Accept(w, r, &ws.AcceptOptions{OriginPatterns: []string{"*"}})
	if err != nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	c.SetReadLimit(protocol.MaxMessage)
	_, order, err := c.Read(r.Context())
	if err != nil {
		return
	}
	switch string(order) {
	case orderText:
		_ = c.Write(r.Context(), ws.MessageText, []byte("hello"))
	case orderTooLong:
		_ = c.Write(r.Context(), ws.MessageBinary, make([]byte, protocol.MaxMessage+1))
	case orderMany:
		for i := range manyMessages {
			_ = c.Write(r.Context(), ws.MessageBinary, fmt.Append(nil, i))
		}
		return
	case orderEnd:
		return
	case orderSilence:
	default:
		_ = c.Write(r.Context(), ws.MessageBinary, order)
	}
	_, _, _ = c.Read(context.Background()) // until the client goes
}

func anyOrigin(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH")
		h.Set("Access-Control-Allow-Headers", "Authorization, Tus-Resumable, Content-Type, Range, Upload-Length, Upload-Offset, Upload-Expires-In")
		h.Set("Access-Control-Expose-Headers", "Upload-Offset, Retry-After")
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next(w, r)
	}
}

func foreign(one blobtest.Foreign) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range map[string]string{"Content-Type": one.Type, "Retry-After": one.RetryAfter, "Location": one.Location} {
			if value != "" {
				w.Header().Set(name, value)
			}
		}
		w.WriteHeader(one.Status)
		_, _ = io.WriteString(w, one.Body)
	}
}

// reply answers as the blob, or its token, asks for.
func reply(w http.ResponseWriter, r *http.Request) {
	n := int(numberOf(r))
	if n == wholeBlob {
		_, _ = io.WriteString(w, "0123456789") // whatever the range
		return
	}
	w.Header().Set("Upload-Offset", offsets[n-firstOffset].text)
	w.WriteHeader(http.StatusCreated)
}

// numberOf returns the number that a test put into a blob's identifier.
func numberOf(r *http.Request) byte {
	for n := byte(firstOffset); n < wholeBlob; n++ {
		if r.Header.Get("Authorization") == "Bearer "+tokenOf(n).Text() || strings.HasSuffix(r.URL.Path, blobOf(n).String()) {
			return n
		}
	}
	return wholeBlob
}
