// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gotest.tools/gotestsum/testjson"
)

// A testName names a test, or a package if test is empty.
type testName struct {
	pkg  string
	test testjson.TestName
}

func nameOf(tc testjson.TestCase) testName { return testName{tc.Package, tc.Test} }

// String returns the name as people say it: package.Test/subtest.
func (n testName) String() string {
	pkg := n.pkg[strings.LastIndex(n.pkg, "/")+1:]
	if n.test == "" {
		return pkg
	}
	return pkg + "." + n.test.Name()
}

// passed returns the tests that passed in any run.
func (r *runner) passed() map[testName]bool {
	all := map[testName]bool{}
	for _, one := range r.runs {
		for _, pkg := range one.packages() {
			for _, tc := range pkg.Passed {
				all[nameOf(tc)] = true
			}
		}
	}
	return all
}

// skipped returns the tests that were skipped and did not pass in another run,
// and why, as they said last.
func (r *runner) skipped() map[testName]string {
	passed, all := r.passed(), map[testName]string{}
	for _, one := range r.runs {
		for _, pkg := range one.packages() {
			for _, tc := range pkg.Skipped {
				if !passed[nameOf(tc)] {
					all[nameOf(tc)] = reason(pkg.OutputLines(tc))
				}
			}
		}
	}
	return all
}

func (one run) packages() (all []*testjson.Package) {
	if one.events == nil {
		return nil
	}
	for _, name := range one.events.Packages() {
		all = append(all, one.events.Package(name))
	}
	return all
}

func (one run) passed(name testName) bool {
	return slices.ContainsFunc(one.packages(), func(pkg *testjson.Package) bool {
		return slices.ContainsFunc(pkg.Passed, func(tc testjson.TestCase) bool { return nameOf(tc) == name })
	})
}

// A failure is a test that failed, or a package of which no test did.
type failure struct {
	testName
	run    run
	output string
	// hard says why the test is not run again.
	hard string
	// mended says that it passed when it was run again.
	mended bool
}

// failures returns what failed, of tests with subtests those that failed.
func (r *runner) failures() (all []*failure) {
	for _, one := range r.runs {
		if one.events == nil {
			continue
		}
		for _, tc := range testjson.FilterFailedUnique(one.events.Failed()) {
			f := &failure{testName: nameOf(tc), run: one, output: strings.Join(one.events.OutputLines(tc), "")}
			f.hard = hard(tc, f.output+strings.Join(packageOutput(one.events, tc.Package), ""))
			all = append(all, f)
		}
	}
	return all
}

// serious is what a test says that is wrong in itself, and not because of a slow
// machine; children of tests say it in the middle of a line.
var serious = regexp.MustCompile(`WARNING: DATA RACE|race detected during execution|(?m:^\s*(?:panic|fatal error): )`)

// hard returns why a failure is none that may have come of a slow machine.
func hard(tc testjson.TestCase, output string) string {
	switch what := strings.TrimSpace(serious.FindString(output)); {
	case what != "":
		return what
	case tc.Test == "":
		return "no test failed, but its package"
	case tc.Elapsed < 0:
		return "it did not end"
	}
	return ""
}

// mostAgain is how many tests are run again. If more fail, it is not by chance.
const mostAgain = 3

// again runs tests that failed once more, each by itself. The machine of these
// tests is shared and at times many times slower than it was a minute ago; a test
// that fails only then hides, in a red run, the one that fails for a reason. It
// still is a fault of the test, and the summary names it. A data race or a panic
// is never by chance.
func (r *runner) again() {
	all := r.failures()
	r.failed = all
	for _, f := range all {
		if f.hard != "" || len(all) > mostAgain {
			return
		}
	}
	for _, f := range all {
		_, _ = fmt.Fprintf(r.out, "\nrunning %s again, by itself\n", f)
		flags := append(withoutRun(f.run.flags), "-count=1", "-run", pattern(f.test))
		second := r.test(flags, f.pkg)
		f.mended = second.passed(f.testName) && len(second.events.Failed()) == 0
	}
}

// withoutRun returns flags without -run and its value, which are the last.
func withoutRun(flags []string) []string {
	if i := slices.Index(flags, "-run"); i >= 0 {
		flags = flags[:i]
	}
	return slices.Clone(flags)
}

// pattern returns the value of -run for one test.
func pattern(name testjson.TestName) string {
	var parts []string
	for part := range strings.SplitSeq(name.Name(), "/") {
		parts = append(parts, "^"+regexp.QuoteMeta(part)+"$")
	}
	return strings.Join(parts, "/")
}

// summary prints which tests were skipped, which passed only when they were run
// again, and last how many there were of each kind. It reports whether the run
// succeeded.
func (r *runner) summary() bool {
	skipped, ok, failed := r.skipped(), true, 0
	r.printSkipped(skipped)
	for _, one := range r.runs {
		ok = ok && !one.broken
	}
	passed := r.passed()
	for _, f := range r.failed {
		switch {
		case f.mended:
			_, _ = fmt.Fprintf(r.out, "FAILED ONCE, passed when run again: %s\n%s", f, indented(f.output))
			continue
		case f.hard != "":
			_, _ = fmt.Fprintf(r.out, "FAILED: %s (%s)\n", f, f.hard)
		default:
			_, _ = fmt.Fprintf(r.out, "FAILED: %s\n", f)
		}
		ok = false
		failed++
		delete(passed, f.testName)
	}
	_, _ = fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", len(passed), failed, len(skipped))
	return ok
}

func indented(output string) string {
	var all strings.Builder
	for line := range strings.Lines(output) {
		all.WriteString("    " + line)
	}
	return all.String()
}

func (r *runner) printSkipped(skipped map[testName]string) {
	_, _ = fmt.Fprintln(r.out)
	if !r.race {
		_, _ = fmt.Fprintln(r.out, "skipped: the race detector, which needs cgo and a C compiler")
	}
	byReason := map[string][]string{}
	for name, why := range skipped {
		byReason[why] = append(byReason[why], name.String())
	}
	reasons := make([]string, 0, len(byReason))
	for why := range byReason {
		reasons = append(reasons, why)
	}
	slices.Sort(reasons)
	for _, why := range reasons {
		slices.Sort(byReason[why])
		_, _ = fmt.Fprintf(r.out, "skipped: %s\n    %s\n", why, strings.Join(byReason[why], "\n    "))
	}
}

// reason finds what a test said when it was skipped.
func reason(output []string) string {
	var said []string
	for _, line := range output {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ") {
			continue
		}
		if _, after, ok := strings.Cut(line, ".go:"); ok {
			if _, text, ok := strings.Cut(after, ": "); ok {
				line = text
			}
		}
		said = append(said, line)
	}
	if len(said) == 0 {
		return "no reason given"
	}
	return strings.Join(said, " ")
}
