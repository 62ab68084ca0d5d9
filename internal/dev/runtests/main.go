// SPDX-License-Identifier: AGPL-3.0-or-later

// Command runtests runs the module's tests as `make test` does: with the race
// detector, in short mode, the end-to-end tests by themselves, as they wait for
// each other's clocks; then once more, without both, those that were
// skipped, as what takes long skips itself in short mode. It prints go test's own closing
// lines, what failed, and at the end every test that was skipped, with its
// reason.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

func main() {
	race := flag.Bool("race", canRace(), "use the race detector")
	timeout := flag.String("timeout", "30m", "how long the tests of one package may take")
	alone := flag.String("alone", "/internal/e2e$", "regular expression of the packages that run after the others")
	flag.Parse()
	patterns := flag.Args()
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	packages, err := list(patterns)
	if err != nil {
		fmt.Fprintln(os.Stderr, "runtests:", err)
		os.Exit(1)
	}
	os.Exit(run(*race, *timeout, split(packages, regexp.MustCompile(*alone))))
}

// list returns the packages that patterns stand for.
func list(patterns []string) ([]string, error) {
	cmd := exec.Command("go", append([]string{"list"}, patterns...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return strings.Fields(string(out)), err
}

// split returns the packages that run together, then each that runs alone.
func split(packages []string, alone *regexp.Regexp) [][]string {
	rest := slices.DeleteFunc(slices.Clone(packages), alone.MatchString)
	var runs [][]string
	if len(rest) > 0 {
		runs = append(runs, rest)
	}
	for _, p := range packages {
		if alone.MatchString(p) {
			runs = append(runs, []string{p})
		}
	}
	return runs
}

// canRace reports whether the race detector can be built, which takes cgo.
func canRace() bool {
	out, err := exec.Command("go", "env", "CGO_ENABLED", "CC").Output()
	if err != nil {
		return false
	}
	fields := strings.Fields(string(out))
	if len(fields) < 2 || fields[0] != "1" {
		return false
	}
	_, err = exec.LookPath(fields[1])
	return err == nil
}

func run(race bool, timeout string, runs [][]string) int {
	r := newReport(os.Stdout)
	flags := []string{"-timeout", timeout}
	if race {
		flags = append(flags, "-race", "-short")
	}
	ok := true
	for _, packages := range runs {
		ok = goTest(r, slices.Concat(flags, packages)) && ok
	}
	if race {
		ok = runSkipped(r, timeout) && ok
	}
	r.summary(race)
	if !ok || r.failed > 0 {
		return 1
	}
	return 0
}

// runSkipped runs what was skipped without short mode.
func runSkipped(r *report, timeout string) bool {
	ok := true
	skipped := r.takeSkipped()
	for _, pkg := range sortedKeys(skipped) {
		names := skipped[pkg]
		for i, name := range names {
			names[i] = regexp.QuoteMeta(name)
		}
		pattern := "^(" + strings.Join(names, "|") + ")$"
		ok = goTest(r, []string{"-timeout", timeout, "-run", pattern, pkg}) && ok
	}
	return ok
}

func goTest(r *report, args []string) bool {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "runtests:", err)
		return false
	}
	readErr := r.read(out)
	if err := cmd.Wait(); err != nil {
		return false
	}
	if readErr != nil {
		fmt.Fprintln(os.Stderr, "runtests:", readErr)
	}
	return readErr == nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
