// SPDX-License-Identifier: AGPL-3.0-or-later

package archtest

import (
	"go/ast"
	"go/token"
	"strconv"
)

// ClockReads returns where a file reads the clock.
func ClockReads(file *ast.File) []token.Pos {
	name := timeName(file)
	if name == "" {
		return nil
	}
	var found []token.Pos
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == name && clocks[n.Sel.Name] {
				found = append(found, n.Pos())
			}
		case *ast.Ident:
			if name == "." && clocks[n.Name] {
				found = append(found, n.Pos())
			}
		}
		return true
	})
	return found
}

// timeName returns what a file calls package time, "" if it does not import
// it.
func timeName(file *ast.File) string {
	for _, spec := range file.Imports {
		if path, err := strconv.Unquote(spec.Path.Value); err != nil || path != "time" {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return "time"
	}
	return ""
}
