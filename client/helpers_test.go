// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import "testing"

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
