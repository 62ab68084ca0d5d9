// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/keytrans"
)

// violations has, for each rule, an act that breaks it and returns what came of it.
var violations = merge(proofViolations, valueViolations, headViolations, policyViolations, recordViolations, witnessViolations, mutationViolations, auditViolations)

func merge(tables ...map[string]func(*testing.T) error) map[string]func(*testing.T) error {
	all := make(map[string]func(*testing.T) error)
	for _, table := range tables {
		for id, act := range table {
			if all[id] != nil {
				panic("two violations of " + id)
			}
			all[id] = act
		}
	}
	return all
}

// TestViolations breaks each rule. The error must name the rule.
func TestViolations(t *testing.T) {
	for _, id := range slices.Sorted(maps.Keys(violations)) {
		t.Run(id, func(t *testing.T) {
			err := violations[id](t)
			if err == nil {
				t.Fatal("ACCEPTED")
			}
			if keytrans.BrokenRule(err) != id || !errors.Is(err, keytrans.ErrInvalid) {
				t.Fatalf("broke %q: %v", keytrans.BrokenRule(err), err)
			}
		})
	}
}

// TestErrorsRepeatNothing looks for names, keys and texts of the logs of these tests in the errors of
// all violations. Numbers may be repeated.
func TestErrorsRepeatNothing(t *testing.T) {
	label := newLog().Label(alice).String()
	for id, act := range violations {
		err := act(t)
		if err == nil {
			t.Errorf("%s: accepted", id)
			continue
		}
		for _, received := range []string{"example", "alice", "bob", "carol", "witness1", "extension", label[:8], "quorum w", "+A"} {
			if strings.Contains(strings.TrimSuffix(err.Error(), "["+id+"]"), received) {
				t.Errorf("%s: the error repeats %q: %v", id, received, err)
			}
		}
	}
}

var brokenCall = regexp.MustCompile(`rule\.Broken(?:By)?\((?:[^"()]+(?:\{[^}]*\})?, )?"([^"]+)"`)

// sourceRules counts where each rule is checked in the sources.
func sourceRules(t *testing.T) map[string]int {
	t.Helper()
	found := make(map[string]int)
	calls := 0
	ok(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		calls += strings.Count(string(source), "rule.Broken")
		for _, m := range brokenCall.FindAllSubmatch(source, -1) {
			found[string(m[1])]++
		}
		return err
	}))
	total := 0
	for _, n := range found {
		total += n
	}
	if total != calls {
		t.Fatalf("%d of %d calls of rule.Broken were understood", total, calls)
	}
	return found
}

// TestEveryRule fails if a rule is checked in two places, has no violation, or is violated
// and not checked.
func TestEveryRule(t *testing.T) {
	found := sourceRules(t)
	for id, n := range found {
		if n != 1 {
			t.Errorf("rule %s is checked in %d places", id, n)
		}
		if violations[id] == nil {
			t.Errorf("rule %s is checked, but no test violates it", id)
		}
	}
	for id := range violations {
		if found[id] == 0 {
			t.Errorf("rule %s is violated by a test, but nothing checks it", id)
		}
	}
	if len(found) < 90 {
		t.Fatalf("only %d rules were found", len(found))
	}
}
