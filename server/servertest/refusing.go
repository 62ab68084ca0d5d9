// SPDX-License-Identifier: AGPL-3.0-or-later

package servertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/fairness"
)

// Refusing starts servers and returns for each refusal of a request about blobs
// the host of one that gives it, if it is asked for what it is short of.
func Refusing(tb testing.TB) map[protocol.BlobRefusal]string {
	tb.Helper()
	hosts := map[protocol.BlobRefusal]string{}
	usual := Start(tb, Options{Memory: true})
	for _, r := range protocol.BlobRefusals() {
		hosts[r] = usual.Host
	}
	limited := func(change func(*fairness.Limits)) string {
		return Start(tb, Options{Memory: true, Limits: change}).Host
	}
	hosts[protocol.BlobRateLimited] = limited(func(l *fairness.Limits) { l.Announce = fairness.Rate{Burst: 1, PerSecond: 0.001} })
	hosts[protocol.BlobQuotaExceeded] = limited(func(l *fairness.Limits) { l.MaxBlobBytes = 100 })
	broken := func(err error) string {
		return Start(tb, Options{Memory: true, Change: func(c *server.Config) { c.Blobs = brokenBlobs{c.Blobs, err} }}).Host
	}
	hosts[protocol.BlobUnavailable] = broken(fmt.Errorf("testing: %w", server.ErrFull))
	hosts[protocol.BlobInternal] = broken(errors.New("testing: broken"))
	hosts[protocol.BlobUnauthorized] = changing(tb, usual, func(h http.Header) {
		if h.Get("Authorization") != "" {
			h.Set("Authorization", "Bearer nonsense")
		}
	})
	hosts[protocol.BlobMediaType] = changing(tb, usual, func(h http.Header) { h.Set("Content-Type", "text/plain") })
	return hosts
}

// brokenBlobs stores nothing.
type brokenBlobs struct {
	server.Blobs
	err error
}

// Write implements server.Blobs.
func (b brokenBlobs) Write(_ context.Context, _ protocol.BlobID, _ uint64, r io.Reader) (uint64, error) {
	_, err := io.Copy(io.Discard, r)
	return 0, errors.Join(err, b.err)
}

// changing starts a proxy that changes the headers of what a server is asked.
func changing(tb testing.TB, to *Instance, change func(http.Header)) (host string) {
	tb.Helper()
	at, err := url.Parse(to.URL)
	if err != nil {
		tb.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(at)
		change(r.Out.Header)
	}})
	tb.Cleanup(proxy.Close)
	return strings.TrimPrefix(proxy.URL, "http://")
}
