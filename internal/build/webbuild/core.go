// SPDX-License-Identifier: AGPL-3.0-or-later

package webbuild

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/securecrypt/securecrypt/internal/build/webbuild/slim"
)

// lean are the flags that make the core small: without suites that the client
// does not use, and without inlining, except where cryptography needs it.
var lean = []string{
	"-tags=mls_small", "-trimpath", "-ldflags=-s -w", "-gcflags=all=-l",
	"-gcflags=crypto/...=", "-gcflags=golang.org/x/crypto/...=", "-gcflags=vendor/golang.org/x/crypto/...=",
}

// Core returns a function that builds the client core for browsers, or nil if
// the module has none.
func Core(root string) func() ([]byte, error) {
	if _, err := os.Stat(filepath.Join(root, "cmd", "securecrypt-wasm")); err != nil {
		return nil
	}
	return func() ([]byte, error) {
		dir, err := os.MkdirTemp("", "webbuild-")
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		file := filepath.Join(dir, "core.wasm")
		cmd := exec.Command("go", slices.Concat([]string{"build"}, lean, []string{"-o", file, "./cmd/securecrypt-wasm"})...)
		cmd.Dir, cmd.Stderr = root, os.Stderr
		cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("webbuild: building the core: %w", err)
		}
		module, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		return slim.Module(module)
	}
}
