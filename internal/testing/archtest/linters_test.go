// SPDX-License-Identifier: AGPL-3.0-or-later

package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// linters is the part of .golangci.yml that keeps layers apart.
type linters struct {
	Linters struct {
		Settings struct {
			Depguard struct {
				Rules map[string]struct {
					Files, Allow []string
					Deny         []struct{ Pkg string }
				}
			}
		}
		Exclusions struct {
			Rules []struct {
				Linters    []string
				PathExcept string `yaml:"path-except"`
			}
		}
	}
}

// TestLinterRulesNameWhatExists keeps the rules of depguard and forbidigo from
// losing their object: a folder that was renamed would be free of its rule, and
// a package under its new name allowed.
func TestLinterRulesNameWhatExists(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), ".golangci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var c linters
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Linters.Settings.Depguard.Rules) == 0 {
		t.Fatal("there are no rules of depguard")
	}
	for name, rule := range c.Linters.Settings.Depguard.Rules {
		var packages []string
		for _, d := range rule.Deny {
			packages = append(packages, d.Pkg)
		}
		for _, p := range append(packages, rule.Allow...) {
			if dir, ours := strings.CutPrefix(strings.TrimSuffix(p, "$"), module+"/"); ours && !isFolder(t, dir) {
				t.Errorf("the rule %s names the package %s, which does not exist", name, p)
			}
		}
		for _, f := range rule.Files {
			glob, ours := strings.CutPrefix(strings.TrimPrefix(f, "!"), "${config-path}/")
			dir := strings.TrimSuffix(strings.TrimSuffix(glob, "/**"), "/*.go")
			if ours && (dir == glob || !isFolder(t, dir)) {
				t.Errorf("the rule %s is for %s, which is no folder with /** or /*.go", name, f)
			}
		}
	}
	for _, dir := range timeless(c) {
		if !isFolder(t, dir) {
			t.Errorf("forbidigo is for %s, which does not exist", dir)
		}
	}
	if len(timeless(c)) == 0 {
		t.Error("forbidigo is for no folder")
	}
}

// timeless returns the folders that forbidigo looks at.
func timeless(c linters) (folders []string) {
	form := regexp.MustCompile(`^\^\(([a-z/|]+)\)/$`)
	for _, r := range c.Linters.Exclusions.Rules {
		if m := form.FindStringSubmatch(r.PathExcept); m != nil {
			folders = append(folders, strings.Split(m[1], "|")...)
		}
	}
	return folders
}

func isFolder(t *testing.T, dir string) bool {
	info, err := os.Stat(filepath.Join(root(t), dir))
	return err == nil && info.IsDir()
}
