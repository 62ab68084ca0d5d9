// SPDX-License-Identifier: AGPL-3.0-or-later

package fault_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/internal/testing/e2e/fault"
)

// A clock that is set keeps its monotonic reading.
func TestSetWall(t *testing.T) {
	if f := reflect.TypeFor[time.Time]().Field(0); f.Name != "wall" || f.Type.Kind() != reflect.Uint64 {
		t.Fatalf("package time has another layout: %v", f)
	}
	for _, by := range []time.Duration{-960 * time.Hour, 0, time.Second, 960 * time.Hour} {
		now := time.Now()
		moved := fault.SetWall(now, by)
		if got := moved.Round(0).Sub(now.Round(0)); got != by {
			t.Errorf("the wall clock moved by %v, not %v", got, by)
		}
		if got := moved.Sub(now); got != 0 {
			t.Errorf("the monotonic clock moved by %v", got)
		}
	}
}

const twoTables = `# Faults

## One

| | a | b |
|---|---|---|
| x | 1 | 2 |
| y | "read" | |

## Two

Text.

| | c |
|---|---|
| z | 3 |
`

// A cell without a test, a test without a cell, and a cell that does not say what
// people read are found.
func TestDifferences(t *testing.T) {
	tables, err := fault.Parse(twoTables)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[fault.Case][]string{{Row: "x", Column: "a"}: nil, {Row: "x", Column: "b"}: nil, {Row: "y", Column: "a"}: {"read"}, {Row: "y", Column: "b"}: nil}
	want := []string{"{y b} is tested and has no cell"}
	if got := tables.Differences("One", tests); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	delete(tests, fault.Case{Row: "x", Column: "b"})
	delete(tests, fault.Case{Row: "y", Column: "b"})
	tests[fault.Case{Row: "x", Column: "a"}] = []string{"missing"}
	want = []string{`the cell of {x a} does not say that people read "missing"`, "{x b} has a cell and no test", "{y b} has a cell and no test"}
	got := tables.Differences("One", tests)
	slices.Sort(want)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	if got := tables.Differences("Three", map[fault.Case][]string{{Row: "z", Column: "c"}: nil}); len(got) != 1 {
		t.Errorf("a table that is not there: %q", got)
	}
}

// A table that is not one is refused.
func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"a row too short": "## A\n| | a | b |\n|---|---|---|\n| x | 1 |\n",
		"a row twice":     "## A\n| | a |\n|---|---|\n| x | 1 |\n| x | 2 |\n",
		"two tables":      "## A\n| | a |\n|---|---|\n| x | 1 |\n## A\n| | b |\n|---|---|\n| x | 2 |\n",
	} {
		if _, err := fault.Parse(text); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
