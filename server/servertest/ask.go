// SPDX-License-Identifier: AGPL-3.0-or-later

package servertest

import (
	"io"
	"net/http"
	"testing"
)

// Ask sends a request about a blob and returns the answer and its body.
func (i *Instance) Ask(tb testing.TB, method, path string, body io.Reader, headers ...string) (*http.Response, []byte) {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), method, i.URL+path, body)
	if err != nil {
		tb.Fatal(err)
	}
	for n := 0; n < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.Body.Close() != nil {
		tb.Fatal(err)
	}
	return resp, b
}

// WantStatus stops the test if an answer has another status. A refusal must be a
// problem document (RFC 9457).
func WantStatus(tb testing.TB, resp *http.Response, status int) {
	tb.Helper()
	if resp.StatusCode != status {
		tb.Fatalf("%s %s: %s, want %d", resp.Request.Method, resp.Request.URL.Path, resp.Status, status)
	}
	if status >= 400 && resp.Request.Method != http.MethodHead && resp.Header.Get("Content-Type") != "application/problem+json" {
		tb.Errorf("a refusal of type %s", resp.Header.Get("Content-Type"))
	}
}
