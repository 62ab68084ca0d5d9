// SPDX-License-Identifier: AGPL-3.0-or-later

package archtest

import (
	"slices"
	"testing"
)

// made returns a graph of a module m from each package's imports.
func made(edges map[string][]string) Graph {
	g := Graph{Module: "m", Packages: map[string]Package{}}
	for path, imports := range edges {
		g.Packages[path] = Package{ImportPath: path, Imports: imports}
	}
	return g
}

func TestCheckerFindsWhatRulesForbid(t *testing.T) {
	g := made(map[string][]string{
		"m/server":      {"fmt", "m/shared"},
		"m/shared":      {"m/client"},
		"m/client":      {"fmt"},
		"m/mls":         {"os", "example.org/x"},
		"example.org/x": {"net/http"},
		"m/clientele":   {"m/server"},
		"m/serve":       {"m/clientele"},
	})
	cases := []struct {
		name string
		rule Rule
		want []string
	}{
		{"through another package", Rule{Of: []string{"./server"}, Never: []string{"./client/..."}}, []string{"./server links ./client"}},
		{"imported by itself", Rule{Of: []string{"./mls/..."}, Never: []string{"os"}}, []string{"./mls links os"}},
		{"through another module", Rule{Of: []string{"./mls"}, Never: []string{"net/http"}}, []string{"./mls links net/http"}},
		{"a folder and all below it", Rule{Of: []string{"./mls"}, Never: []string{"net/..."}}, []string{"./mls links net/http"}},
		{"a prefix is not a parent", Rule{Of: []string{"./client/..."}, Never: []string{"./shared"}}, nil},
		{"a prefix is not what is forbidden", Rule{Of: []string{"./serve"}, Never: []string{"./clien/..."}}, nil},
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
				importer, forbidden := "m/"+example(of), example(r.Never[0])
				if r.Never[0][0] == '.' {
					forbidden = "m/" + forbidden
				}
				g := made(map[string][]string{importer: {"m/between"}, "m/between": {forbidden}})
				if len(g.Check(r)) == 0 {
					t.Errorf("%s may link %s", importer, forbidden)
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
