// SPDX-License-Identifier: AGPL-3.0-or-later

package slim_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/internal/build/webbuild/slim"
)

const program = `package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

type list[T any] struct{ items []T }

func (l *list[T]) add(v T) { l.items = append(l.items, v) }

func deep(n int) string {
	if n == 0 {
		runtime.GC()
		panic("at the bottom")
	}
	return deep(n-1) + "."
}

func main() {
	var l list[string]
	for i := range 100000 {
		l.add(fmt.Sprint(i))
	}
	fmt.Println(len(strings.Join(l.items, "")))
	defer func() {
		fmt.Println(recover())
		fmt.Println(strings.Contains(string(debug.Stack()), "main.deep"))
		var none *list[int]
		none.add(1)
	}()
	deep(100)
}
`

// A module does the same afterwards, collects garbage, recovers from panics and
// names functions in its traces.
func TestModuleRuns(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("slim: Node is not installed")
	}
	dir := t.TempDir()
	source, big, small := filepath.Join(dir, "main.go"), filepath.Join(dir, "big.wasm"), filepath.Join(dir, "small.wasm")
	write(t, source, []byte(program))
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", big, source)
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	module, err := os.ReadFile(big)
	if err != nil {
		t.Fatal(err)
	}
	slimmed, err := slim.Module(module)
	if err != nil {
		t.Fatal(err)
	}
	write(t, small, slimmed)
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(node, filepath.Join(strings.TrimSpace(string(root)), "lib/wasm/wasm_exec_node.js"), small).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("the program ended with %v", err)
	}
	for _, want := range []string{"488890\nat the bottom\ntrue\n", "nil pointer dereference", "main.(*list[...]).add"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(string(slimmed), "runtime/proc.go") {
		t.Error("names of files are still there")
	}
}

func TestModuleRefuses(t *testing.T) {
	for name, module := range map[string][]byte{
		"nothing":             nil,
		"a header":            []byte("\x00asm\x01\x00\x00\x00"),
		"data without tables": []byte("\x00asm\x01\x00\x00\x00\x0b\x07\x01\x00\x41\x00\x0b\x01x"),
		"a cut section":       []byte("\x00asm\x01\x00\x00\x00\x0b\x7f\x01"),
		"a segment far away":  []byte("\x00asm\x01\x00\x00\x00\x0b\x0b\x01\x00\x41\xff\xff\xff\xff\x07\x0b\x01x"),
	} {
		if _, err := slim.Module(module); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
