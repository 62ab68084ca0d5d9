// SPDX-License-Identifier: AGPL-3.0-or-later

package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/securecrypt/securecrypt"

// load asks the go command for the graph of everything that patterns need.
func load(t *testing.T, env []string, patterns ...string) Graph {
	t.Helper()
	args := append([]string{"list", "-deps", "-json=ImportPath,Imports"}, patterns...)
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = root(t), append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	g := Graph{Module: module, Packages: map[string]Package{}}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p Package
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return g
		} else if err != nil {
			t.Fatal(err)
		}
		g.Packages[p.ImportPath] = p
	}
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestModuleKeepsItsLayers(t *testing.T) { enforce(t, load(t, nil, "./..."), Rules) }

func TestBrowserBuildKeepsItsLayers(t *testing.T) {
	enforce(t, load(t, []string{"GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0"}, BrowserPackages...), BrowserRules)
}

func enforce(t *testing.T, g Graph, rules []Rule) {
	for _, r := range rules {
		t.Run(r.Why, func(t *testing.T) {
			if err := r.Validate(); err != nil {
				t.Fatal(err)
			}
			if len(g.Members(r)) == 0 {
				t.Fatalf("there is no package in %s", strings.Join(r.Of, ", "))
			}
			for _, v := range g.Check(r) {
				t.Error(v)
			}
		})
	}
}
