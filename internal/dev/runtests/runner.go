// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"gotest.tools/gotestsum/testjson"
)

// A runner runs go test several times and follows what becomes of each test.
type runner struct {
	race     bool
	timeout  string    // for the tests of one package
	parallel int       // tests of a package that runs alone
	out      io.Writer // may be written to from several goroutines
	raced    []racedTests
	command  func(args ...string) *exec.Cmd // the go command

	mu     sync.Mutex // guards runs while tests run
	runs   []run
	failed []*failure // what failed, once again has run
}

// A run is what became of one go test.
type run struct {
	flags  []string
	events *testjson.Execution
	broken bool // it ended in error, and no test or package that failed says why
}

// raceOptions has each program that was built with the race detector, each
// package's tests among them, end without waiting for a second first, in case
// what still runs has a race.
const raceOptions = "GORACE=atexit_sleep_ms=0"

// arithmetic are packages that compute on values of their own, and whose callers
// are watched. The race detector made them, and with them most tests of clients,
// several times slower.
var arithmetic = []string{
	"crypto/internal/fips140/edwards25519/...", "crypto/internal/fips140/mlkem", "crypto/internal/fips140/sha3",
	"golang.org/x/crypto/argon2", "golang.org/x/crypto/blake2b",
}

// raceFlags are those of tests with the race detector.
func raceFlags() []string {
	flags := []string{"-race", "-short"}
	for _, pkg := range arithmetic {
		flags = append(flags, "-gcflags="+pkg+"=-race=false")
	}
	return flags
}

func newRunner(out io.Writer) *runner {
	return &runner{out: &lockedWriter{w: out}, raced: raced, command: func(args ...string) *exec.Cmd {
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), raceOptions+" "+os.Getenv("GORACE")) // the last of an option counts
		return cmd
	}}
}

// run runs the four steps.
func (r *runner) run(groups []group) {
	// `make test` runs go vet before, on more than go test would.
	flags := []string{"-vet=off", "-timeout", r.timeout}
	if !r.race {
		for _, g := range groups {
			r.test(r.flagsOf(g, flags), append(slices.Clone(g.packages), g.plain...)...)
		}
		r.again()
		return
	}
	raced := append(slices.Clone(flags), raceFlags()...)
	for _, g := range groups {
		if g.alone {
			r.test(r.flagsOf(g, raced), g.packages...)
		} else {
			r.testTogether(g, flags, raced)
		}
	}
	r.testSkipped(groups, flags)
	r.again()
}

// testTogether runs the two parts of a group at the same time.
func (r *runner) testTogether(g group, plain, raced []string) {
	half := []string{"-p", strconv.Itoa(max(1, runtime.GOMAXPROCS(0)/2))}
	plain, raced = append(half, plain...), append(half, raced...)
	var parts sync.WaitGroup
	if len(g.plain) > 0 {
		parts.Go(func() { r.test(plain, g.plain...) })
	}
	parts.Go(func() {
		for _, some := range r.raced {
			for _, p := range g.plain {
				if regexp.MustCompile(some.pkg).MatchString(p) {
					r.test(append(slices.Clone(raced), "-run", "^("+strings.Join(some.tests, "|")+")$"), p)
				}
			}
		}
		if len(g.packages) > 0 {
			r.test(raced, g.packages...)
		}
	})
	parts.Wait()
}

// A lockedWriter lets several goroutines write.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write implements [io.Writer].
func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// flagsOf returns flags with those that a group needs.
func (r *runner) flagsOf(g group, flags []string) []string {
	if g.alone {
		return append(slices.Clone(flags), "-parallel", strconv.Itoa(r.parallel))
	}
	return flags
}

// testSkipped runs the tests that were skipped, group by group. Other packages'
// tests of the same names run along, so that one go test does it for a group.
func (r *runner) testSkipped(groups []group, flags []string) {
	skipped := map[string][]string{} // by package, the tests at the top
	for name := range r.skipped() {
		top, _ := name.test.Split()
		skipped[name.pkg] = append(skipped[name.pkg], regexp.QuoteMeta(top))
	}
	for _, g := range groups {
		var packages, names []string
		for _, p := range g.packages {
			if len(skipped[p]) > 0 {
				packages, names = append(packages, p), append(names, skipped[p]...)
			}
		}
		if len(packages) > 0 {
			slices.Sort(names)
			pattern := "^(" + strings.Join(slices.Compact(names), "|") + ")$"
			r.test(append(slices.Clone(r.flagsOf(g, flags)), "-run", pattern), packages...)
		}
	}
}

// test runs go test once and keeps what became of it.
func (r *runner) test(flags []string, packages ...string) run {
	one := run{flags: flags}
	err := one.follow(r.command(slices.Concat([]string{"test", "-json"}, flags, packages)...), printer{r.out})
	if err != nil && (one.events == nil || len(one.events.Failed()) == 0) {
		_, _ = fmt.Fprintf(r.out, "runtests: go test %s: %v\n", strings.Join(flags, " "), err)
		one.broken = true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs = append(r.runs, one)
	return one
}

// follow runs go test and reads its events until it ends.
func (one *run) follow(cmd *exec.Cmd, p printer) error {
	cmd.Stderr = p.out
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	one.events, err = testjson.ScanTestOutput(testjson.ScanConfig{Stdout: out, Handler: p, IgnoreNonJSONOutputLines: true})
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // what could not be read is the error
		one.broken = true
		return err
	}
	return cmd.Wait()
}

// A printer prints go test's closing lines, and the output of what fails.
type printer struct{ out io.Writer }

// Err prints what go itself says beside the events.
func (p printer) Err(line string) error {
	_, err := fmt.Fprintln(p.out, line)
	return err
}

// Event prints what there is to print of an event.
func (p printer) Event(e testjson.TestEvent, events *testjson.Execution) error {
	var lines []string
	switch {
	case e.Action == testjson.ActionBuild:
		lines = []string{e.Output}
	case !e.Action.IsTerminal():
	case e.PackageEvent():
		lines = slices.DeleteFunc(packageOutput(events, e.Package), dull)
	case e.Action == testjson.ActionFail:
		lines = events.OutputLines(events.Package(e.Package).LastFailedByName(e.Test))
	}
	_, err := io.WriteString(p.out, strings.Join(lines, ""))
	return err
}

// packageOutput returns what go test said of a package, rather than of a test.
func packageOutput(events *testjson.Execution, pkg string) []string {
	var all strings.Builder
	_ = events.Package(pkg).WriteOutputTo(&all, 0) // a builder takes everything
	return strings.SplitAfter(all.String(), "\n")
}

// dull reports whether a line only repeats that nothing happened.
func dull(line string) bool {
	return line == "PASS\n" || strings.HasSuffix(line, "[no test files]\n") || strings.HasSuffix(line, "[no tests to run]\n") ||
		line == "testing: warning: no tests to run\n"
}
