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
	Standard   bool
}

// A Graph holds the packages of one build by their import paths.
type Graph struct {
	Module   string
	Packages map[string]Package
}

// A Rule says what some packages may import.
type Rule struct {
	// Why is the rule in words.
	Why string
	// Of are the packages that the rule is for.
	Of []string
	// Linked extends the rule from a package's own imports to everything
	// that is linked with it.
	Linked bool
	// Only, if not empty, is all that may be imported, besides the packages
	// in Of themselves.
	Only []string
	// Never is what may not be imported.
	Never []string
	// Apart forbids the folders directly below this one to import from each
	// other.
	Apart string
}

// A Violation is one import that a rule does not allow.
type Violation struct {
	Package, Import string
}

// String says what imports what.
func (v Violation) String() string { return v.Package + " imports " + v.Import }

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
		imports := slices.Clone(g.Packages[path].Imports)
		if r.Linked {
			imports = g.linked(path)
		}
		slices.Sort(imports)
		for _, imported := range imports {
			if !g.allows(r, path, imported) {
				bad = append(bad, Violation{g.short(path), g.short(imported)})
			}
		}
	}
	return bad
}

func (g Graph) allows(r Rule, importer, imported string) bool {
	if g.matchAny(r.Never, imported) {
		return false
	}
	if r.Apart != "" {
		mine, theirs := g.below(r.Apart, importer), g.below(r.Apart, imported)
		return theirs == "" || mine == theirs
	}
	return len(r.Only) == 0 || g.matchAny(r.Only, imported) || g.matchAny(r.Of, imported)
}

// below returns the first folder of path below dir, "" if path is elsewhere.
func (g Graph) below(dir, path string) string {
	rest, ok := strings.CutPrefix(g.short(path), dir+"/")
	if !ok {
		return ""
	}
	first, _, _ := strings.Cut(rest, "/")
	return first
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
	if pattern == "std" {
		return g.Packages[path].Standard
	}
	path = g.short(path)
	if root, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == root || strings.HasPrefix(path, root+"/")
	}
	return path == pattern
}

// Validate reports rules that could not fail: without packages, or without
// anything that they forbid.
func (r Rule) Validate() error {
	if len(r.Of) == 0 || len(r.Only)+len(r.Never)+len(r.Apart) == 0 {
		return fmt.Errorf("the rule %q forbids nothing", r.Why)
	}
	return nil
}
