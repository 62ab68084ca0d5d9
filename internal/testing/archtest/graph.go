// SPDX-License-Identifier: AGPL-3.0-or-later

package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// A Package is a node of the import graph.
type Package struct {
	ImportPath string
	Imports    []string
}

// A Graph holds the packages of one build by their import paths.
type Graph struct {
	Module   string
	Packages map[string]Package
}

// A Rule says what some packages may not link, directly or through others.
type Rule struct {
	// Why is the rule in words.
	Why string
	// Of are the packages that the rule is for.
	Of []string
	// Never is what may not be linked with them.
	Never []string
}

// A Violation is one package that is linked although a rule forbids it.
type Violation struct {
	Package, Linked string
}

// String says what links what.
func (v Violation) String() string { return v.Package + " links " + v.Linked }

// Members returns the packages of the module that a rule is for, sorted.
func (g Graph) Members(r Rule) []string {
	var all []string
	for path := range g.Packages {
		if g.inModule(path) && g.matchAny(r.Of, path) {
			all = append(all, path)
		}
	}
	slices.Sort(all)
	return all
}

// Check returns what breaks the rule, in the order of the packages' names.
func (g Graph) Check(r Rule) []Violation {
	var bad []Violation
	for _, path := range g.Members(r) {
		linked := g.linked(path)
		slices.Sort(linked)
		for _, p := range linked {
			if g.matchAny(r.Never, p) {
				bad = append(bad, Violation{g.short(path), g.short(p)})
			}
		}
	}
	return bad
}

// linked returns everything that path imports, directly or not.
func (g Graph) linked(path string) []string {
	seen := map[string]bool{}
	var visit func(string)
	visit = func(p string) {
		for _, imported := range g.Packages[p].Imports {
			if !seen[imported] {
				seen[imported] = true
				visit(imported)
			}
		}
	}
	visit(path)
	delete(seen, path)
	all := make([]string, 0, len(seen))
	for p := range seen {
		all = append(all, p)
	}
	return all
}

func (g Graph) inModule(path string) bool {
	return path == g.Module || strings.HasPrefix(path, g.Module+"/")
}

// short returns the path of one of the module's packages as rules write it.
func (g Graph) short(path string) string {
	if rest, ok := strings.CutPrefix(path, g.Module+"/"); ok {
		return "./" + rest
	}
	return path
}

func (g Graph) matchAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return g.match(p, path) })
}

func (g Graph) match(pattern, path string) bool {
	path = g.short(path)
	if root, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == root || strings.HasPrefix(path, root+"/")
	}
	return path == pattern
}

// Validate reports rules that could not fail: without packages, or without
// anything that they forbid.
func (r Rule) Validate() error {
	if len(r.Of) == 0 || len(r.Never) == 0 {
		return fmt.Errorf("the rule %q forbids nothing", r.Why)
	}
	return nil
}
