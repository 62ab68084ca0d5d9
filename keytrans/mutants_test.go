// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestMutants shows that each violation depends on its check. It builds the test program of
// this package from a copy of the sources in which each check of a rule can be left out, and runs
// each violation with its check left out: the violation's test must then fail. It
// reports which violations are accepted then, and which are still refused by another check or
// end in a panic.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program of changed sources and runs it once for each rule")
	}
	program, mutated := buildMutants(t)
	rules := sourceRules(t)
	for id := range rules {
		if !mutated[id] {
			t.Errorf("the check of rule %s cannot be left out: it is not an if statement of its own", id)
		}
	}
	accepted := 0
	for _, id := range slices.Sorted(maps.Keys(rules)) {
		cmd := exec.Command(program, "-test.run", "^TestViolations$/^"+id+"$", "-test.v")
		cmd.Env = append(os.Environ(), "WITHOUT_RULE="+id)
		out, err := cmd.CombinedOutput()
		switch {
		case err == nil:
			t.Errorf("the violation of %s is refused without its check too", id)
		case bytes.Contains(out, []byte("ACCEPTED")):
			accepted++
		default:
			t.Logf("%s: without its check, the violation is not accepted: %s", id, firstLine(out))
		}
		if !bytes.Contains(out, []byte("TestViolations/"+id)) {
			t.Errorf("the test of %s did not run", id)
		}
	}
	// With all checks in place the same program passes.
	if out, err := exec.Command(program, "-test.run", "^TestViolations$").CombinedOutput(); err != nil {
		t.Errorf("the program fails with all its checks: %s", out)
	}
	t.Logf("%d of %d violations are accepted without their check", accepted, len(rules))
	if accepted < len(rules)*2/3 {
		t.Errorf("only %d of %d violations are attacks that one check alone refuses", accepted, len(rules))
	}
}

// firstLine returns the line of a test's output that says why it failed.
func firstLine(out []byte) string {
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "broke ") || strings.HasPrefix(line, "panic: ") {
			return strings.TrimSpace(line)
		}
	}
	return strings.TrimSpace(string(out))
}

// buildMutants returns a program with the tests of this package in which the environment variable
// WITHOUT_RULE leaves out a check, and the rules whose checks it can leave out. The
// sources on the disk stay as they are.
func buildMutants(t *testing.T) (program string, mutated map[string]bool) {
	dir := t.TempDir()
	mutated = make(map[string]bool)
	replace := make(map[string]string)
	ok(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		changed := mutate(t, path, source, mutated)
		if path == filepath.Join("internal", "rule", "rule.go") {
			changed = bytes.Replace(source, []byte(`import (`), []byte("import (\n\t\"os\""), 1)
			changed = append(changed, "\nvar without = os.Getenv(\"WITHOUT_RULE\")\n\nfunc Checked(id string) bool { return id != without }\n"...)
		}
		if bytes.Equal(changed, source) {
			return nil
		}
		absolute, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		replace[absolute] = filepath.Join(dir, fmt.Sprint(len(replace), ".go"))
		return os.WriteFile(replace[absolute], changed, 0o600)
	}))
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	ok(t, err)
	ok(t, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
	program = filepath.Join(dir, "mutants.test")
	out, err := exec.Command("go", "test", "-c", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return program, mutated
}

// mutate returns a source in which the condition of each if statement that does nothing
// but return a broken rule holds only while the rule is checked.
func mutate(t *testing.T, path string, source []byte, mutated map[string]bool) []byte {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, source, 0)
	ok(t, err)
	type edit struct {
		from, to int
		id       string
	}
	var edits []edit
	ast.Inspect(file, func(n ast.Node) bool {
		s, isIf := n.(*ast.IfStmt)
		if !isIf || s.Else != nil || len(s.Body.List) != 1 {
			return true
		}
		if id := brokenRule(s.Body.List[0]); id != "" {
			edits = append(edits, edit{fset.Position(s.Cond.Pos()).Offset, fset.Position(s.Cond.End()).Offset, id})
			mutated[id] = true
		}
		return true
	})
	slices.SortFunc(edits, func(a, b edit) int { return b.from - a.from })
	for _, e := range edits {
		condition := fmt.Sprintf("(%s) && rule.Checked(%q)", source[e.from:e.to], e.id)
		source = slices.Concat(source[:e.from], []byte(condition), source[e.to:])
	}
	return source
}

// brokenRule returns the rule that a return statement reports as broken, or "".
func brokenRule(s ast.Stmt) string {
	r, isReturn := s.(*ast.ReturnStmt)
	if !isReturn || len(r.Results) == 0 {
		return ""
	}
	call, isCall := r.Results[len(r.Results)-1].(*ast.CallExpr)
	if !isCall {
		return ""
	}
	f, isSelector := call.Fun.(*ast.SelectorExpr)
	if !isSelector || !strings.HasPrefix(f.Sel.Name, "Broken") {
		return ""
	}
	for _, arg := range call.Args {
		if literal, isLiteral := arg.(*ast.BasicLit); isLiteral {
			id, err := strconv.Unquote(literal.Value)
			if err != nil {
				return ""
			}
			return id
		}
	}
	return ""
}
