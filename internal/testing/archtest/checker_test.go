// SPDX-License-Identifier: AGPL-3.0-or-later

package archtest

import (
	"go/parser"
	"go/token"
	"slices"
	"testing"
)

// made returns a graph from lines "importer: imports…".
func made(edges map[string][]string) Graph {
	g := Graph{Module: "m", Packages: map[string]Package{}}
	for path, imports := range edges {
		g.Packages[path] = Package{ImportPath: path, Imports: imports}
	}
	for _, std := range []string{"fmt", "net", "net/http", "os", "time", "crypto/tls"} {
		g.Packages[std] = Package{ImportPath: std, Standard: true}
	}
	return g
}

func TestCheckerFindsWhatRulesForbid(t *testing.T) {
	g := made(map[string][]string{
		"m/server":         {"fmt", "m/shared"},
		"m/shared":         {"m/client"},
		"m/client":         {"fmt"},
		"m/mls":            {"os", "example.org/x", "m/mls/internal"},
		"m/mls/internal":   {"fmt"},
		"m/cmd/a":          {"m/cmd/a/sub"},
		"m/cmd/a/sub":      {"m/cmd/b"},
		"m/cmd/b":          {"fmt"},
		"example.org/x":    {"net/http"},
		"m/clientele":      {"m/server"},
		"m/mlsish":         {"os"},
		"example.org/x/os": nil,
	})
	cases := []struct {
		name string
		rule Rule
		want []string
	}{
		{"direct imports only", Rule{Of: []string{"./server"}, Never: []string{"./client/..."}}, nil},
		{"everything linked", Rule{Of: []string{"./server"}, Linked: true, Never: []string{"./client/..."}}, []string{"./server imports ./client"}},
		{"only", Rule{Of: []string{"./mls/..."}, Only: []string{"std"}}, []string{"./mls imports example.org/x"}},
		{"never", Rule{Of: []string{"./mls/..."}, Never: []string{"os"}}, []string{"./mls imports os"}},
		{"never beats only", Rule{Of: []string{"./mls"}, Only: []string{"std", "example.org/...", "./mls/..."}, Never: []string{"os"}}, []string{"./mls imports os"}},
		{"linked through others", Rule{Of: []string{"./mls"}, Linked: true, Never: []string{"net/http"}}, []string{"./mls imports net/http"}},
		{"a prefix is not a parent", Rule{Of: []string{"./clientele"}, Never: []string{"./client/..."}}, nil},
		{"apart", Rule{Of: []string{"./cmd/..."}, Apart: "./cmd"}, []string{"./cmd/a/sub imports ./cmd/b"}},
		{"a folder and all below it", Rule{Of: []string{"./mls"}, Linked: true, Never: []string{"net/..."}}, []string{"./mls imports net/http"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, v := range g.Check(c.rule) {
				got = append(got, v.String())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// Every rule of the module must be able to fail: for each there is a graph
// that breaks it.
func TestEveryRuleCanFail(t *testing.T) {
	for _, r := range slices.Concat(Rules, BrowserRules) {
		t.Run(r.Why, func(t *testing.T) {
			if err := r.Validate(); err != nil {
				t.Fatal(err)
			}
			for _, of := range r.Of {
				importer := "m/" + example(of)
				forbidden := "example.org/unheard-of"
				switch {
				case r.Apart != "":
					forbidden = "m/" + example(r.Apart+"/another/...")
				case len(r.Never) > 0:
					forbidden = example(r.Never[0])
					if r.Never[0][0] == '.' {
						forbidden = "m/" + forbidden
					}
				}
				edges := map[string][]string{importer: {forbidden}}
				if r.Linked {
					edges = map[string][]string{importer: {"m/between"}, "m/between": {forbidden}}
				}
				if len(made(edges).Check(r)) == 0 {
					t.Errorf("%s may import %s", importer, forbidden)
				}
			}
		})
	}
}

// example returns a package that a pattern matches.
func example(pattern string) string {
	if n := len(pattern) - len("/..."); n > 0 && pattern[n:] == "/..." {
		pattern = pattern[:n] + "/deep/below"
	}
	if pattern[0] == '.' {
		pattern = pattern[len("./"):]
	}
	return pattern
}

func TestARuleThatForbidsNothingIsRefused(t *testing.T) {
	for _, r := range []Rule{{Of: []string{"./client"}}, {Never: []string{"os"}}} {
		if r.Validate() == nil {
			t.Errorf("%+v passes", r)
		}
	}
}

func TestClockReadsAreFound(t *testing.T) {
	cases := []struct {
		name, src string
		want      int
	}{
		{"plain", `package p; import "time"; var t = time.Now()`, 1},
		{"renamed", `package p; import clock "time"; var t = clock.Since(clock.Time{})`, 1},
		{"dotted", `package p; import . "time"; func f() { Sleep(1) }`, 1},
		{"as a value", `package p; import "time"; var now = time.Now`, 1},
		{"types and constants", `package p; import "time"; var d time.Duration = time.Second`, 0},
		{"another package's Now", `package p; import "m/time2"; var t = time2.Now()`, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			file, err := parser.ParseFile(token.NewFileSet(), "p.go", c.src, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(ClockReads(file)); got != c.want {
				t.Errorf("found %d, want %d", got, c.want)
			}
		})
	}
}
