// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sources are the tests of a module that the runner runs.
var sources = map[string]string{
	"go.mod": "module m\n\ngo 1.26\n",
	// What passes and what is skipped.
	"good/a_test.go": `package good
import ("os/exec"; "testing")
func TestGood(t *testing.T) { t.Log("noise") }
func TestLong(t *testing.T) {
	t.Run("part", func(t *testing.T) { if testing.Short() { t.Skip("too long for short mode") } })
}
func TestTool(t *testing.T) { if _, err := exec.LookPath("no such tool"); err != nil { t.Skip("the tool is not installed") } }
`,
	// What runs without the race detector and short mode, one test of it with both.
	"plain/a_test.go": `package plain
import ("os"; "testing")
func TestRaced(t *testing.T) { note(t) }
func TestOther(t *testing.T) { note(t) }
func note(t *testing.T) {
	f, err := os.OpenFile(t.Name(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil { t.Fatal(err) }
	defer f.Close()
	if testing.Short() { _, _ = f.WriteString("s") } else { _, _ = f.WriteString("l") }
}
`,
	// What passes when it is run once more.
	"flaky/a_test.go": `package flaky
import ("os"; "testing")
func TestOften(t *testing.T) {
	for _, name := range []string{"fine", "slow machine"} {
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat("seen"); name != "fine" && err != nil {
				_ = os.WriteFile("seen", nil, 0o600)
				t.Error("it was late")
			}
		})
	}
}
`,
	// What fails each time, and notes how often it ran.
	"bad/a_test.go": `package bad
import ("os"; "testing")
func TestBad(t *testing.T) {
	f, err := os.OpenFile("runs", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil { t.Fatal(err) }
	_, _ = f.WriteString("x")
	_ = f.Close()
	t.Error("it broke")
}
`,
	// What would pass when it is run once more, and must not be.
	"panics/a_test.go": `package panics
import ("os"; "testing")
func TestCut(t *testing.T) {
	if _, err := os.Stat("seen"); err != nil {
		_ = os.WriteFile("seen", nil, 0o600)
		panic("cut off")
	}
}
`,
	"races/a_test.go": `package races
import ("os"; "testing")
func TestChild(t *testing.T) {
	if _, err := os.Stat("seen"); err != nil {
		_ = os.WriteFile("seen", nil, 0o600)
		t.Error("the child said: WARNING: DATA RACE")
	}
}
`,
	"many/a_test.go": `package many
import ("os"; "testing")
func TestMany(t *testing.T) {
	for _, name := range []string{"1", "2", "3", "4"} {
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat(name); err != nil {
				_ = os.WriteFile(name, nil, 0o600)
				t.Error("it was late")
			}
		})
	}
}
`,
	"broken/a_test.go": "package broken\nvar number int = `text`\n",
	"exits/a_test.go": `package exits
import ("os"; "testing")
func TestMain(m *testing.M) { m.Run(); os.Exit(3) }
func TestGood(t *testing.T) {}
`,
}

// runModule runs tests of packages of the module, which are named by their
// folders, and returns what is printed and whether the run succeeded.
func runModule(t *testing.T, folders ...string) (dir, printed string, ok bool) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range sources {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	r := newRunner(&out)
	r.race, r.timeout, r.parallel = true, "10m", 2
	r.command = func(args ...string) *exec.Cmd { // not every machine can build with the race detector
		cmd := exec.Command("go", slices.DeleteFunc(args, func(arg string) bool { return arg == "-race" })...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=", "GOWORK=off")
		return cmd
	}
	var packages []string
	for _, f := range folders {
		packages = append(packages, "m/"+f)
	}
	r.raced = []racedTests{{"^m/plain$", []string{"TestRaced"}}}
	r.run(split(packages, regexp.MustCompile("^m/flaky$"), regexp.MustCompile("^m/plain$")))
	ok = r.summary()
	return dir, out.String(), ok
}

// expect looks for texts in what was printed, and for its last line.
func expect(t *testing.T, printed, last string, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if !strings.Contains(printed, want) {
			t.Errorf("%q is missing in:\n%s", want, printed)
		}
	}
	if !strings.HasSuffix(printed, "\n"+last+"\n") {
		t.Errorf("the last line is not %q in:\n%s", last, printed)
	}
}

// What is skipped in short mode is run without, and what is skipped then is
// named with its reason.
func TestSkippedTests(t *testing.T) {
	_, printed, ok := runModule(t, "good")
	expect(t, printed, "3 passed, 0 failed, 1 skipped", "ok  \tm/good\t", "skipped: the tool is not installed\n    good.TestTool\n")
	if !ok || strings.Contains(printed, "noise") || strings.Contains(printed, "short mode") {
		t.Errorf("succeeded: %v\n%s", ok, printed)
	}
}

// TestPlainPackages has a package run without short mode, and one of its tests with it
// as well.
func TestPlainPackages(t *testing.T) {
	dir, printed, ok := runModule(t, "good", "plain")
	expect(t, printed, "5 passed, 0 failed, 1 skipped", "ok  \tm/plain\t", "ok  \tm/good\t")
	for name, want := range map[string]string{"TestRaced": "ls", "TestOther": "l"} {
		got, err := os.ReadFile(filepath.Join(dir, "plain", name))
		letters := strings.Split(string(got), "")
		slices.Sort(letters)
		if err != nil || strings.Join(letters, "") != want {
			t.Errorf("%s ran as %q, %v", name, got, err)
		}
	}
	if !ok {
		t.Errorf("the run failed:\n%s", printed)
	}
}

// What fails once does not stop the run, and is named with what it said.
func TestFailedOnce(t *testing.T) {
	_, printed, ok := runModule(t, "good", "flaky")
	expect(t, printed, "6 passed, 0 failed, 1 skipped",
		"running flaky.TestOften/slow_machine again, by itself", "FAILED ONCE, passed when run again: flaky.TestOften/slow_machine\n", "    a_test.go:8: it was late\n")
	if !ok {
		t.Errorf("the run failed:\n%s", printed)
	}
}

// What fails twice fails, and is run no third time.
func TestFailedTwice(t *testing.T) {
	dir, printed, ok := runModule(t, "bad", "flaky")
	expect(t, printed, "3 passed, 1 failed, 0 skipped", "it broke", "FAIL\tm/bad\t", "FAILED: bad.TestBad\n", "FAILED ONCE, passed when run again: flaky.")
	runs, err := os.ReadFile(filepath.Join(dir, "bad", "runs"))
	if ok || err != nil || string(runs) != "xx" {
		t.Errorf("succeeded: %v; runs: %q, %v", ok, runs, err)
	}
}

// What cannot have come of a slow machine is not run again: panics, data races,
// many failures, and packages that fail apart from their tests.
func TestNotRunAgain(t *testing.T) {
	for folder, c := range map[string]struct {
		last  string
		texts []string
	}{
		"panics": {"0 passed, 1 failed, 0 skipped", []string{"panic: cut off", "FAILED: panics.TestCut (panic:)"}},
		"races":  {"0 passed, 1 failed, 0 skipped", []string{"FAILED: races.TestChild (WARNING: DATA RACE)"}},
		"many":   {"0 passed, 4 failed, 0 skipped", []string{"FAILED: many.TestMany/1\n", "FAILED: many.TestMany/4\n"}},
		"broken": {"0 passed, 1 failed, 0 skipped", []string{"cannot use `text`", "FAIL\tm/broken [build failed]", "FAILED: broken (no test failed, but its package)"}},
		"exits":  {"1 passed, 1 failed, 0 skipped", []string{"FAIL\tm/exits\t", "FAILED: exits (no test failed, but its package)"}},
	} {
		t.Run(folder, func(t *testing.T) {
			_, printed, ok := runModule(t, folder)
			expect(t, printed, c.last, c.texts...)
			if ok || strings.Contains(printed, "again") {
				t.Errorf("succeeded: %v\n%s", ok, printed)
			}
		})
	}
}

func TestSplit(t *testing.T) {
	alone, plain := regexp.MustCompile("/e2e$"), regexp.MustCompile("/mls$")
	for want, packages := range map[string][]string{
		"[{[m/a m/b] [] false} {[m/e2e] [] true}]": {"m/a", "m/e2e", "m/b"},
		"[{[m/a] [m/mls] false}]":                  {"m/a", "m/mls"},
		"[{[] [m/mls] false}]":                     {"m/mls"},
		"[{[m/e2e] [] true}]":                      {"m/e2e"},
	} {
		if got := fmt.Sprint(split(packages, alone, plain)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestSlowestFirst(t *testing.T) {
	got := slowestFirst([]string{"m/a", "m/b", "m/slow", "m/c", "m/slower"}, []string{"/slower$", "/slow$", "/gone$"})
	if want := "[m/slower m/slow m/a m/b m/c]"; fmt.Sprint(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The packages and tests that are treated in a way of their own are such that there are.
func TestNamedPackagesExist(t *testing.T) {
	packages, err := list([]string{"../../../..."})
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Concat(slowest, byThemselves, withoutRace)
	for _, some := range raced {
		names = append(names, some.pkg)
		files, err := filepath.Glob("../../.." + strings.TrimSuffix(some.pkg, "$") + "/*_test.go")
		if err != nil {
			t.Fatal(err)
		}
		var sources []byte
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			sources = append(sources, b...)
		}
		for _, test := range some.tests {
			if !bytes.Contains(sources, []byte("\nfunc "+test+"(")) {
				t.Errorf("%s has no %s", some.pkg, test)
			}
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(packages, regexp.MustCompile(name).MatchString) {
			t.Errorf("no package is called %s", name)
		}
	}
}

// A race is found in a module whose arithmetic is not watched, also of bytes that
// go there.
func TestRacesWithArithmeticAreFound(t *testing.T) {
	if !canRace() {
		t.Skip("the race detector needs cgo and a C compiler")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": sources["go.mod"], "a_test.go": `package a
import ("crypto/ed25519"; "testing")
func TestSign(t *testing.T) {
	_, key, _ := ed25519.GenerateKey(nil)
	text, done := make([]byte, 1<<16), make(chan bool)
	go func() { text[9]++; close(done) }()
	ed25519.Sign(key, text)
	<-done
}
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", append(append([]string{"test"}, raceFlags()...), ".")...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "WARNING: DATA RACE") {
		t.Errorf("%v, with the output:\n%s", err, out)
	}
}
