// SPDX-License-Identifier: AGPL-3.0-or-later

package interop

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrMissing means that a peer is not installed on this machine.
var ErrMissing = errors.New("not installed")

//go:embed tsmls/peer.mjs
var tsProgram []byte

//go:embed tsmls/package.json
var tsPackage []byte

//go:embed tusjs/upload.mjs
var tusProgram []byte

//go:embed tusjs/package.json
var tusPackage []byte

// TSMLS returns the command of the peer ts-mls, with flags for Node.
func TSMLS(ctx context.Context, flags ...string) (*exec.Cmd, error) {
	return node(ctx, "ts-mls", tsPackage, tsProgram, flags, nil)
}

// TusJS returns the command that uploads a file with tus-js-client.
// tusjs/upload.mjs says what its argument is.
func TusJS(ctx context.Context, task string) (*exec.Cmd, error) {
	return node(ctx, "tus-js-client", tusPackage, tusProgram, nil, []string{task})
}

// node returns the command that runs a program beside a package of npm, which
// make installs under its name.
func node(ctx context.Context, name string, manifest, program []byte, flags, args []string) (*exec.Cmd, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, fmt.Errorf("interop: node is %w; Node 20 or later runs %s", ErrMissing, name)
	}
	var p struct{ Dependencies map[string]string }
	if err := json.Unmarshal(manifest, &p); err != nil {
		return nil, fmt.Errorf("interop: %w", err)
	}
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(root, ".tools", name+"-"+p.Dependencies[name])
	if _, err := os.Stat(filepath.Join(dir, "node_modules", name)); err != nil {
		return nil, fmt.Errorf("interop: %s is %w; `make %s` installs it, which takes npm", name, ErrMissing, name)
	}
	// Node looks for a module's packages beside the module.
	file := filepath.Join(dir, "peer.mjs")
	temporary := fmt.Sprintf("%s.%d", file, os.Getpid())
	if err := os.WriteFile(temporary, program, 0o600); err != nil {
		return nil, err
	}
	if err := os.Rename(temporary, file); err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, node, append(append(flags, file), args...)...), nil
}

// Rust returns the command of the peer that bench/peers builds, for one of its
// libraries and providers, such as "openmls-libcrux".
func Rust(ctx context.Context, kind string) (*exec.Cmd, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	program := filepath.Join(root, ".tools", "peers", "release", "peer")
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("interop: the crates openmls and mls-rs are %w; `make peers` builds them, which takes cargo", ErrMissing)
	}
	return exec.CommandContext(ctx, program, kind), nil
}

// RustKinds are the libraries and providers that the crate in bench/peers has.
var RustKinds = []string{"openmls-rustcrypto", "openmls-libcrux", "mls-rs-rustcrypto", "mls-rs-awslc"}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("interop: outside of the module")
}
