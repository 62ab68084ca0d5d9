// SPDX-License-Identifier: AGPL-3.0-or-later

package archtest

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// imported is an import or export of values from another file of the page; types
// leave nothing at run time.
var imported = regexp.MustCompile(`(?m)^(?:import|export) [^;']*'(\.[^']*)';`)

// importsOf returns which files of the page each one imports values from.
func importsOf(t *testing.T, files fs.FS) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".ts" && path.Ext(name) != ".tsx" {
			return err
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		all[name] = nil
		for _, m := range imported.FindAllStringSubmatch(string(text), -1) {
			if strings.HasPrefix(m[0], "import type ") || strings.HasPrefix(m[0], "export type ") {
				continue
			}
			for _, ending := range []string{".ts", ".tsx"} {
				target := path.Join(path.Dir(name), m[1]) + ending
				if _, err := fs.Stat(files, target); err == nil {
					all[name] = append(all[name], target)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// circle returns files that import each other in turn, nil if there are none.
func circle(imports map[string][]string) []string {
	done := map[string]bool{}
	var follow func(way []string, file string) []string
	follow = func(way []string, file string) []string {
		if i := slices.Index(way, file); i >= 0 {
			return append(way[i:], file)
		}
		if done[file] {
			return nil
		}
		way = append(way, file)
		for _, next := range imports[file] {
			if found := follow(way, next); found != nil {
				return found
			}
		}
		done[file] = true
		return nil
	}
	for file := range imports {
		if found := follow(nil, file); found != nil {
			return found
		}
	}
	return nil
}

// The page's files import each other downwards, as packages do.
func TestPageHasNoImportCircles(t *testing.T) {
	imports := importsOf(t, os.DirFS(filepath.Join("..", "..", "..", "web", "src")))
	if n := len(imports["view/app.tsx"]); n < 10 {
		t.Errorf("of view/app.tsx %d imports were found", n)
	}
	if found := circle(imports); found != nil {
		t.Errorf("files import each other: %s", strings.Join(found, " → "))
	}
	imports["view/parts.tsx"] = append(imports["view/parts.tsx"], "view/app.tsx")
	if circle(imports) == nil {
		t.Error("a circle is not found")
	}
}
