// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// folders hold the Go code whose errors reach people. The errors of package vault
// are not among them, because the commands add the advice.
var folders = []string{"client", "internal/product/addressbook", "internal/product/cli", "internal/product/console", "internal/product/english",
	"internal/product/foreign", "internal/product/schedule", "internal/product/tui", "internal/product/vaultcli", "protocol", "server/daemon"}

// notPeople are parts of them that no person meets: what tests use.
var notPeople = []string{"client/internal/fakeserver", "client/store/storetest"}

// catalogues have the texts of the page.
var catalogues = []string{"web/src/locale/en.ts", "web/src/locale/account/en.ts", "web/src/locale/devices/en.ts"}

// A message is a text that people may read, and where it comes from: a folder,
// or a key of the catalogues.
type message struct {
	where, text string
}

// collect returns all messages, sorted, each text of a folder once.
func collect(root string) ([]message, error) {
	var all []message
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			rel = filepath.ToSlash(rel)
			if d.IsDir() && (d.Name() == "testdata" || slices.Contains(notPeople, rel)) {
				return filepath.SkipDir
			}
			if d.IsDir() || !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
				return nil
			}
			texts, err := errorsIn(path)
			for _, text := range texts {
				all = append(all, message{folder, text})
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	page, err := ofPage(root)
	if err != nil {
		return nil, err
	}
	all = append(all, page...)
	slices.SortFunc(all, func(a, b message) int { return cmp.Or(cmp.Compare(a.where, b.where), cmp.Compare(a.text, b.text)) })
	return slices.Compact(all), nil
}

// errorsIn returns the texts from which a file makes errors: the constant
// strings given to errors.New, fmt.Errorf and chat.Worded, and pairs of a text and
// an advice.
func errorsIn(path string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return nil, err
	}
	var texts []string
	add := func(e ast.Expr) {
		if text, ok := constant(e); ok && worded(text) {
			texts = append(texts, text)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if makesError[name(n.Fun)] && len(n.Args) > 0 {
				add(n.Args[0])
			}
		case *ast.CompositeLit:
			if name(n.Type) == "chat.Worded" {
				for _, e := range n.Elts {
					text := field(e)
					if call, ok := text.(*ast.CallExpr); ok && len(call.Args) > 0 {
						add(call.Args[0])
					}
					add(text)
				}
			}
		case *ast.KeyValueExpr: // of the texts of codes and reasons: what is said, and what to do
			if text, ok := n.Value.(*ast.CompositeLit); ok && len(text.Elts) == 2 {
				said, _ := constant(text.Elts[0])
				advice, ok := constant(text.Elts[1])
				if ok && worded(said) {
					texts = append(texts, said+"; "+advice)
				}
			}
		}
		return true
	})
	return texts, nil
}

var makesError = map[string]bool{"errors.New": true, "fmt.Errorf": true}

// field returns the value of a field in a literal.
func field(e ast.Expr) ast.Expr {
	if f, ok := e.(*ast.KeyValueExpr); ok {
		return f.Value
	}
	return e
}

// name returns an identifier as it is written, with its package.
func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return name(e.X) + "." + e.Sel.Name
	}
	return ""
}

// constant returns the value of a string literal or of a sum of them.
func constant(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		a, ok := constant(e.X)
		b, also := constant(e.Y)
		return a + b, ok && also
	}
	return "", false
}

var verb = regexp.MustCompile(`%[a-z]`)

// worded reports whether a text is more than a frame around another error.
func worded(text string) bool {
	return len(strings.Fields(verb.ReplaceAllString(text, ""))) > 1
}

// entry matches an entry of a catalogue, also one whose text is on a line of its own.
var entry = regexp.MustCompile(`(?m)^  '?([a-z.-]+)'?:(?: |\n    )(?:'(.*)'|"(.*)"),$`)

// page matches the keys under which the catalogue has errors and notices.
var page = regexp.MustCompile(`^(error|trouble|notice)\.|(^|[.-])(failed|denied|lost|unsupported|unreachable|refused|differ|not|no|weak)(\.text)?$|^(stopped|awaits|wake\.server|broken|gone|closed)`)

// ofPage returns the errors and notices of the page.
func ofPage(root string) ([]message, error) {
	var all []message
	for _, catalogue := range catalogues {
		content, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(catalogue)))
		if err != nil {
			return nil, err
		}
		entries := entry.FindAllStringSubmatch(string(content), -1)
		if len(entries) == 0 {
			return nil, fmt.Errorf("%s has no texts in the form that is looked for", catalogue)
		}
		for _, m := range entries {
			if page.MatchString(m[1]) {
				all = append(all, message{"page " + m[1], m[2] + m[3]})
			}
		}
	}
	return all, nil
}
