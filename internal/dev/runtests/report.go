// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// event is a line of `go test -json`; see `go doc test2json`.
type event struct {
	Action, Package, Test, Output string
}

type testName struct{ pkg, test string }

// A report follows the events of one or more runs of go test.
type report struct {
	out     io.Writer
	output  map[testName][]string // of tests that still run
	skipped map[testName]string   // and why
	passed  map[testName]bool
	failed  int
}

func newReport(out io.Writer) *report {
	return &report{out: out, output: map[testName][]string{}, skipped: map[testName]string{}, passed: map[testName]bool{}}
}

// read follows a run until its end.
func (r *report) read(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			_, _ = fmt.Fprintln(r.out, lines.Text()) // go itself says something
			continue
		}
		r.event(e)
	}
	return lines.Err()
}

func (r *report) event(e event) {
	name := testName{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		_, _ = fmt.Fprint(r.out, e.Output)
	case "output":
		if e.Test == "" {
			r.packageOutput(e.Output)
			return
		}
		r.output[name] = append(r.output[name], e.Output)
	case "pass":
		if e.Test != "" {
			r.passed[name] = true
		}
		delete(r.output, name)
	case "skip":
		if e.Test != "" {
			r.skipped[name] = reason(r.output[name])
		}
		delete(r.output, name)
	case "fail":
		if e.Test != "" {
			r.failed++
			_, _ = fmt.Fprint(r.out, strings.Join(r.output[name], ""))
			delete(r.output, name)
			return
		}
		r.unfinished(e.Package)
	}
}

// packageOutput prints what go test says of a whole package, leaving out what
// only repeats that nothing happened.
func (r *report) packageOutput(s string) {
	if s == "PASS\n" || strings.HasSuffix(s, "[no test files]\n") || strings.HasSuffix(s, "[no tests to run]\n") {
		return
	}
	_, _ = fmt.Fprint(r.out, s)
}

// unfinished prints the output of tests that a panic or a timeout cut off.
func (r *report) unfinished(pkg string) {
	for name, lines := range r.output {
		if name.pkg == pkg {
			r.failed++
			_, _ = fmt.Fprint(r.out, strings.Join(lines, ""))
			delete(r.output, name)
		}
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

// takeSkipped forgets the tests that were skipped and returns them by package,
// subtests by the test that they belong to.
func (r *report) takeSkipped() map[string][]string {
	all := map[string][]string{}
	for name := range r.skipped {
		top, _, _ := strings.Cut(name.test, "/")
		if !slices.Contains(all[name.pkg], top) {
			all[name.pkg] = append(all[name.pkg], top)
		}
	}
	for _, names := range all {
		slices.Sort(names)
	}
	clear(r.skipped)
	return all
}

// summary prints how many tests there were and which were skipped.
func (r *report) summary(race bool) {
	_, _ = fmt.Fprintf(r.out, "\n%d passed, %d failed, %d skipped\n", len(r.passed), r.failed, len(r.skipped))
	if !race {
		_, _ = fmt.Fprintln(r.out, "skipped: the race detector, which needs cgo and a C compiler")
	}
	byReason := map[string][]string{}
	for name, why := range r.skipped {
		pkg := name.pkg[strings.LastIndex(name.pkg, "/")+1:]
		byReason[why] = append(byReason[why], pkg+"."+name.test)
	}
	for _, why := range sortedKeys(byReason) {
		slices.Sort(byReason[why])
		_, _ = fmt.Fprintf(r.out, "skipped: %s\n    %s\n", why, strings.Join(byReason[why], "\n    "))
	}
}
