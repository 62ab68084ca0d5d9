// SPDX-License-Identifier: AGPL-3.0-or-later

// Command runtests runs the module's tests as `make test` does, in four steps:
//
//  1. all packages, at the same time in two parts, each with half of the processors
//     and with what takes longest first: the larger part with the race detector, in
//     short mode; and without it the packages to which it would tell little (see
//     withoutRace), some of whose tests are in the other part, too (see raced);
//  2. the end-to-end tests and those of attacks likewise, but by themselves: real
//     programs wait for each other there, or are measured;
//  3. the tests that were skipped, because what takes long skips itself in short
//     mode, without short mode and without the race detector;
//  4. tests that failed, once more, each by itself (see runner.again).
//
// It prints go test's own closing lines and the output of what failed; at the end
// every test that was skipped, with its reason, every test that passed only when
// it was run again, and one line with the numbers.
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
	r := newRunner(os.Stdout)
	flag.BoolVar(&r.race, "race", canRace(), "use the race detector")
	flag.StringVar(&r.timeout, "timeout", "45m", "how long the tests of one package may take")
	flag.IntVar(&r.parallel, "parallel", 4, "how many tests of a package that runs alone run at the same time")
	alone := flag.String("alone", strings.Join(byThemselves, "|"), "regular expression of the packages that run after the others")
	first := flag.String("first", strings.Join(slowest, " "), "regular expressions of the packages that start first, in their order")
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
	r.run(split(slowestFirst(packages, strings.Fields(*first)), regexp.MustCompile(*alone), regexp.MustCompile(strings.Join(withoutRace, "|"))))
	if !r.summary() {
		os.Exit(1)
	}
}

// byThemselves are the packages whose tests measure, or need the whole machine.
var byThemselves = []string{"/internal/testing/e2e$", "/internal/testing/hostile$"}

// slowest are the packages whose tests take longest, the slowest first; see
// docs/benchmarks.md.
var slowest = []string{
	"/internal/testing/pagetest$", "/internal/testing/enginetest$", "/client$", "/vault/internal/vaulttest$", "/bench/page$", "/server/daemon$", "/server$",
	"/client/store/indexeddb$", "/client/transport/browser$", "/mls$", "/protocol$",
}

// withoutRace are the packages whose tests run without the race detector, which makes
// them up to ten times slower.
var withoutRace = []string{
	// They compute, and start no goroutine.
	"/mls(/|$)", "/account$", "/content$", "/protocol$",
	// Most of the work is a browser's. The program that it talks to is raced by
	// its own tests and those from end to end.
	"/internal/testing/pagetest$", "/internal/testing/enginetest$", "/bench/page$", "/client/store/indexeddb$", "/client/transport/browser$",
	// Hundreds of vaults are sealed one after the other; see raced.
	"/vault/internal/vaulttest$",
}

// raced are the tests of packages of withoutRace that run with the race detector, too:
// together they start every goroutine of what the package tests.
var raced = []racedTests{
	{"/vault/internal/vaulttest$", []string{
		"TestBackupAndRestore", "TestCopy", "TestSuspendedBackupMeetsPrune", "TestRevokedDuringABackup", "TestResealMeetsABackup",
		"TestSlowDeleterMeetsRevoke", "TestPruneDuringAWriteOnlyRun", "TestPartialSnapshotIsWhole", "TestKilledRestoreIsFinished",
		"TestChangingFiles", "TestDamagedSegmentsAreRepaired",
	}},
}

// racedTests are tests of a package, which a regular expression names.
type racedTests struct {
	pkg   string
	tests []string
}

// list returns the packages that patterns stand for.
func list(patterns []string) ([]string, error) {
	cmd := exec.Command("go", append([]string{"list"}, patterns...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return strings.Fields(string(out)), err
}

// slowestFirst moves the packages that regular expressions match to the front,
// in the order of the expressions. Go starts packages in the order that it is given.
func slowestFirst(packages, expressions []string) []string {
	rank := func(pkg string) int {
		for i, e := range expressions {
			if regexp.MustCompile(e).MatchString(pkg) {
				return i
			}
		}
		return len(expressions)
	}
	sorted := slices.Clone(packages)
	slices.SortStableFunc(sorted, func(a, b string) int { return rank(a) - rank(b) })
	return sorted
}

// A group is packages that run at the same time.
type group struct {
	packages []string // with the race detector
	plain    []string // without
	alone    bool     // one package by itself
}

// split returns the packages that run together, then each that runs alone.
func split(packages []string, alone, plain *regexp.Regexp) []group {
	var together group
	var groups []group
	for _, p := range packages {
		switch {
		case alone.MatchString(p):
			groups = append(groups, group{packages: []string{p}, alone: true})
		case plain.MatchString(p):
			together.plain = append(together.plain, p)
		default:
			together.packages = append(together.packages, p)
		}
	}
	if len(together.packages)+len(together.plain) == 0 {
		return groups
	}
	return append([]group{together}, groups...)
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
