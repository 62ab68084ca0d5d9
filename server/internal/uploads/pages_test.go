// SPDX-License-Identifier: AGPL-3.0-or-later

package uploads_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/servertest"
)

const foreign = "https://elsewhere.example"

// Pages of other origins may use blobs, refusals included, and no browser is
// asked for credentials.
func TestPagesElsewhereReachBlobs(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	var id protocol.BlobID
	for _, one := range []struct {
		method, path string
		status       int
	}{
		{http.MethodOptions, protocol.BlobPath, http.StatusNoContent},
		{http.MethodOptions, protocol.BlobPath + "/" + id.String(), http.StatusNoContent},
		{http.MethodPost, protocol.BlobPath, http.StatusUnauthorized},
		{http.MethodGet, protocol.BlobPath + "/" + id.String(), http.StatusNotFound},
	} {
		resp, _ := i.Ask(t, one.method, one.path, nil, "Origin", foreign)
		servertest.WantStatus(t, resp, one.status)
		h := resp.Header
		if h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
			t.Errorf("%s %s: a page elsewhere may not read it: %v", one.method, one.path, h)
		}
		if h.Get("Access-Control-Allow-Credentials") != "" || h.Get("Set-Cookie") != "" {
			t.Errorf("%s %s: credentials: %v", one.method, one.path, h)
		}
		for _, name := range []string{"Upload-Offset", "Upload-Length", "Content-Range", "Retry-After"} {
			if !strings.Contains(h.Get("Access-Control-Expose-Headers"), name) {
				t.Errorf("%s %s: %s is hidden from pages", one.method, one.path, name)
			}
		}
		if one.method != http.MethodOptions {
			continue
		}
		for _, name := range []string{"Authorization", "Tus-Resumable", "X-HTTP-Method-Override", "Content-Type", "Range", "Upload-Length", "Upload-Offset", "Upload-Expires-In"} {
			if !strings.Contains(h.Get("Access-Control-Allow-Headers"), name) {
				t.Errorf("%s %s: pages may not send %s", one.method, one.path, name)
			}
		}
	}
}
