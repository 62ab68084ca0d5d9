// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"os/exec"
	"strings"
	"testing"
)

// links reports whether the command links a package of that name.
func links(t *testing.T, name string) bool {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../cmd/securecryptd").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(out), name)
}
