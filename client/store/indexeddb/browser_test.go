// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build !js

package indexeddb_test

import (
	"testing"

	"github.com/securecrypt/securecrypt/internal/browsertest"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

// The conformance suite and all else that is in store_test.go.
func TestInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("builds for the browser")
	}
	browsertest.Build(t, ".").Run(t, browsertest.Open(t), browsertest.Options{})
}
