// SPDX-License-Identifier: AGPL-3.0-or-later

package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentsNameTestsThatExist reads which tests the documents say show a
// promise, and looks for each, in the package that stands before it. A name that
// ends in … stands for all that begin so.
func TestDocumentsNameTestsThatExist(t *testing.T) {
	root := "../../.."
	tests := map[string]string{} // the text of all tests of a package
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == ".tools" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		b, err := os.ReadFile(path)
		pkg := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), root+"/")
		tests[pkg] += string(b)
		tests[""] += string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// A package, and the tests that follow it: they end where other words begin.
	named := regexp.MustCompile("(?:`([a-z][a-z0-9/]*)` )?`(Test[A-Za-z0-9]+)(…?)`((?:, `Test[A-Za-z0-9]+…?`)*)")
	for _, document := range []string{"THREATMODEL.md", "SECURITY.md", "README.md", "ARCHITECTURE.md", "docs/operations.md", "docs/benchmarks.md", "docs/devices.md"} {
		b, err := os.ReadFile(filepath.Join(root, document))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(b), -1) {
			all := append([]string{m[2] + m[3]}, strings.FieldsFunc(m[4], func(r rune) bool { return strings.ContainsRune(", `", r) })...)
			for _, name := range all {
				declared := "func " + name + "("
				if start, ok := strings.CutSuffix(name, "…"); ok {
					declared = "func " + start
				}
				if !strings.Contains(tests[m[1]], declared) {
					t.Errorf("%s names %s %s, which does not exist", document, m[1], name)
				}
			}
		}
	}
}
