// SPDX-License-Identifier: AGPL-3.0-or-later

package webbuild

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// module returns the folder of the module, the interface in it ready for Node:
// its types written and its packages there.
func module(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("needs Node 20 or later")
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "web", "node_modules", ".installed")); err != nil {
		t.Skip("needs the packages of the interface: run make web")
	}
	if err := Types(root); err != nil {
		t.Fatal(err)
	}
	return root
}

// TestInterface runs the tests of web/test.
func TestInterface(t *testing.T) {
	bundles, err := Tests(module(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	args := []string{"--test"}
	for name, content := range bundles {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	if len(args) == 1 {
		t.Fatal("web/test has no tests")
	}
	slices.Sort(args[1:])
	out, err := exec.Command("node", args...).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("node --test: %v", err)
	}
}

// TestTypeScript lets the compiler check every source of the interface.
func TestTypeScript(t *testing.T) {
	dir := filepath.Join(module(t), "web")
	for _, part := range []string{"src", "test"} {
		see(t, filepath.Join(dir, part))
	}
	compiler := filepath.Join(dir, "node_modules", "typescript", "bin", "tsc")
	if _, err := os.Stat(compiler); err != nil {
		t.Skip("needs the TypeScript compiler: run make web")
	}
	cmd := exec.Command("node", compiler, "--noEmit", "--pretty", "false")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("tsc: %v\n%s", err, out)
	}
}

// see touches every file of a folder, so that a result of this test is not
// taken from the cache when one has changed: what another process reads does
// not count there.
func see(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			_, err = os.Stat(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
