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
// promise, and looks for each. A name that ends in … stands for all that begin
// so.
func TestDocumentsNameTestsThatExist(t *testing.T) {
	root := "../../.."
	var tests strings.Builder
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
		tests.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile("`(Test[A-Za-z0-9]+)(…?)`")
	for _, document := range []string{"THREATMODEL.md", "SECURITY.md", "README.md", "ARCHITECTURE.md", "docs/operations.md", "docs/benchmarks.md"} {
		b, err := os.ReadFile(filepath.Join(root, document))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range name.FindAllStringSubmatch(string(b), -1) {
			declared := "func " + m[1] + "("
			if m[2] != "" {
				declared = "func " + m[1]
			}
			if !strings.Contains(tests.String(), declared) {
				t.Errorf("%s names %s, which does not exist", document, m[1])
			}
		}
	}
}
