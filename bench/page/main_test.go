// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"testing"

	"github.com/securecrypt/securecrypt/internal/product/webapp"
	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// The benchmark runs as a whole, with a few conversations: every measurement
// finds in the page what it looks for.
func TestBenchmarkRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("the page's benchmark takes a minute")
	}
	if !webapp.Built() {
		t.Skip("the application for browsers is not built; `make web` builds it")
	}
	if !browsertest.Installed() {
		t.Skip("there is no Chromium on this machine; .ci/chromium installs it")
	}
	err := run(t.Context(), []string{"-dir", t.TempDir(), "-conversations", "30", "-messages", "150", "-runs", "1", "-traffic", "6s"})
	if err != nil {
		t.Error(err)
	}
}
