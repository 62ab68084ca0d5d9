// SPDX-License-Identifier: AGPL-3.0-or-later

package ignore

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// cases are patterns with paths below and whether git leaves them out, line 24 of
// the failures that vaults are built against. A path that ends in a slash is a
// directory. TestGitAgrees asks git itself.
var cases = []struct {
	patterns string
	out, in  []string
}{
	{"foo", []string{"foo", "foo/", "a/foo", "a/b/foo/"}, []string{"food", "afoo", "foo.txt"}},
	{"/foo", []string{"foo", "foo/"}, []string{"a/foo"}},
	{"foo/", []string{"foo/", "a/foo/"}, []string{"foo", "a/foo"}},
	{"a/foo", []string{"a/foo"}, []string{"foo", "b/a/foo"}},
	{"/a/foo/", []string{"a/foo/"}, []string{"a/foo"}},
	{"*.o", []string{"x.o", "a/.o", ".o"}, []string{"x.oo", "o"}},
	{"a*b*c", []string{"abc", "axxbxxc", "abbbcc"}, []string{"ab", "acb"}},
	{"fo?", []string{"foo", "fo?"}, []string{"fo", "fooo"}},
	{"a/*", []string{"a/b", "a/b/"}, []string{"a/", "b/b"}},
	{"a/*/c", []string{"a/b/c"}, []string{"a/c", "a/b/b/c"}},
	{"**/foo", []string{"foo", "a/foo", "a/b/foo/"}, []string{"food"}},
	{"**/a/foo", []string{"a/foo", "x/a/foo"}, []string{"foo"}},
	{"a/**", []string{"a/b", "a/b/"}, []string{"a/", "a"}},
	{"a/**/b", []string{"a/b", "a/x/b", "a/x/y/b"}, []string{"ab", "b"}},
	{"a**b", []string{"ab", "axxb"}, []string{"a/b"}},
	{"*", []string{"x", ".x", "x/"}, nil},
	{"*.log\n!keep.log", []string{"x.log"}, []string{"keep.log", "a/keep.log"}},
	{"!keep\nkeep", []string{"keep"}, nil},
	{"\\!bang", []string{"!bang"}, []string{"bang"}},
	{"\\#hash", []string{"#hash"}, []string{"hash"}},
	{"# comment\n\nfoo", []string{"foo"}, []string{"# comment"}},
	{"trail   ", []string{"trail"}, []string{"trail   "}},
	{"trail\\ ", []string{"trail "}, []string{"trail"}},
	{"[abc]x", []string{"ax", "bx"}, []string{"dx", "x"}},
	{"[a-c]x", []string{"ax", "bx"}, []string{"dx", "-x"}},
	{"[!a-c]x", []string{"dx"}, []string{"ax"}},
	{"[^a-c]x", []string{"dx"}, []string{"ax"}},
	{"[]a]x", []string{"]x", "ax"}, []string{"bx"}},
	{"[a-]x", []string{"-x", "ax"}, []string{"bx"}},
	{"[[:digit:]]x", []string{"5x"}, []string{"ax", "dx"}},
	{"[[:alpha:][:space:]]x", []string{"ax", " x"}, []string{"5x"}},
	{"[\\]]x", []string{"]x"}, []string{"\\x"}},
	{"[a", nil, []string{"[a", "a"}},
	{"\\*", []string{"*"}, []string{"x"}},
	{"foo\\", nil, []string{"foo", "foo\\"}},
	{"/", nil, []string{"x", "x/"}},
	{"Foo", []string{"Foo"}, []string{"foo"}},
	{"a/", []string{"a/"}, []string{"a", "b/a"}},
	{"x/y/*.c\n!x/y/keep.c", []string{"x/y/a.c"}, []string{"x/y/keep.c", "x/a.c"}},
	{"\xff*", []string{"\xffabc"}, []string{"abc"}},
}

func TestPatterns(t *testing.T) {
	for _, c := range cases {
		r, err := Parse(c.patterns, false)
		if err != nil {
			t.Fatal(err)
		}
		check := func(path string, want bool) {
			if _, got := r.Match(strings.TrimSuffix(path, "/"), strings.HasSuffix(path, "/")); got != want {
				t.Errorf("%q: %q is left out: %v", c.patterns, path, got)
			}
		}
		for _, path := range c.out {
			check(path, true)
		}
		for _, path := range c.in {
			check(path, false)
		}
	}
}

// TestGitAgrees makes a repository for each case and asks git what it ignores.
func TestGitAgrees(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	for i, c := range cases {
		for j, path := range append(append([]string{}, c.out...), c.in...) {
			dir := filepath.Join(t.TempDir(), fmt.Sprint(i, "-", j))
			make := func(path string, content string) {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, path), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			make(".gitignore", c.patterns+"\n")
			if name, ok := strings.CutSuffix(path, "/"); ok {
				if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
					t.Fatal(err)
				}
			} else {
				make(path, "")
			}
			init := exec.Command("git", "init", "-q")
			init.Dir = dir
			if out, err := init.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			cmd := exec.Command("git", "check-ignore", "-q", "--no-index", "--", strings.TrimSuffix(path, "/"))
			cmd.Dir = dir
			want := cmd.Run() == nil
			if want != (j < len(c.out)) {
				t.Errorf("%q: git leaves %q out: %v", c.patterns, path, want)
			}
		}
	}
}

// FuzzMatch: no pattern panics, and matching ends.
func FuzzMatch(f *testing.F) {
	for _, c := range cases {
		f.Add(c.patterns, "a/b c/[x]")
	}
	f.Fuzz(func(t *testing.T, patterns, path string) {
		for _, fold := range []bool{false, true} {
			r, err := Parse(patterns, fold)
			if err == nil {
				r.Match(path, true)
			}
		}
	})
}
