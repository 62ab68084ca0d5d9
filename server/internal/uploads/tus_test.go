// SPDX-License-Identifier: AGPL-3.0-or-later

package uploads_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// What tus asks of a server beside what uploads need: it says what it can, which
// version it follows, when an upload ends, and takes methods by a header.
func TestUploadsFollowTus(t *testing.T) {
	const announceFor = 90 * time.Minute
	i := servertest.Start(t, servertest.Options{Memory: true, Change: func(c *server.Config) { c.Limits.AnnounceFor, c.Limits.MaxBlob = announceFor, 100<<20 }})
	token := protocol.UploadToken{1}
	auth, path := "Bearer "+token.Text(), protocol.BlobPath+"/"+token.BlobID().String()
	has := func(resp *http.Response, name, value string) {
		t.Helper()
		if got := resp.Header.Get(name); got != value {
			t.Errorf("%s %s: %s is %q, want %q", resp.Request.Method, resp.Request.URL.Path, name, got, value)
		}
	}

	resp, _ := i.Ask(t, http.MethodOptions, protocol.BlobPath, nil)
	servertest.WantStatus(t, resp, http.StatusNoContent)
	has(resp, "Tus-Version", "1.0.0")
	has(resp, "Tus-Extension", "creation,expiration,termination")
	has(resp, "Tus-Max-Size", "104857600")

	resp, _ = i.Ask(t, http.MethodPost, protocol.BlobPath, nil, "Authorization", auth, "Upload-Length", "10", "Tus-Resumable", "0.2.2")
	if resp.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("another version: %s", resp.Status)
	}
	has(resp, "Tus-Version", "1.0.0")

	before := time.Now()
	resp, _ = i.Ask(t, http.MethodPost, protocol.BlobPath, nil, "Authorization", auth, "Upload-Length", "10", "Tus-Resumable", "1.0.0")
	servertest.WantStatus(t, resp, http.StatusCreated)
	has(resp, "Tus-Resumable", "1.0.0")
	ends, err := http.ParseTime(resp.Header.Get("Upload-Expires"))
	if lasts := ends.Sub(before); err != nil || lasts < announceFor-time.Second || lasts > announceFor+time.Minute {
		t.Errorf("the upload is given up after %v, %v", lasts, err)
	}

	resp, _ = i.Ask(t, http.MethodPost, path, bytes.NewReader(make([]byte, 10)), "Authorization", auth)
	servertest.WantStatus(t, resp, http.StatusBadRequest)
	resp, _ = i.Ask(t, http.MethodPost, path, bytes.NewReader(make([]byte, 10)), "Authorization", auth,
		"X-HTTP-Method-Override", "PATCH", "Content-Type", offsetType, "Upload-Offset", "0")
	servertest.WantStatus(t, resp, http.StatusNoContent)
	has(resp, "Upload-Offset", "10")
	has(resp, "Upload-Expires", "") // it is whole
	resp, _ = i.Ask(t, http.MethodPost, path, nil, "X-HTTP-Method-Override", "DELETE")
	servertest.WantStatus(t, resp, http.StatusUnauthorized)
	resp, _ = i.Ask(t, http.MethodPost, path, nil, "Authorization", auth, "X-HTTP-Method-Override", "DELETE")
	servertest.WantStatus(t, resp, http.StatusNoContent)
	resp, _ = i.Ask(t, http.MethodHead, path, nil)
	servertest.WantStatus(t, resp, http.StatusNotFound)
	has(resp, "Tus-Resumable", "1.0.0")
}
