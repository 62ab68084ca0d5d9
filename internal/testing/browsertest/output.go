// SPDX-License-Identifier: AGPL-3.0-or-later

package browsertest

import (
	"regexp"
	"strings"
	"sync/atomic"
)

// reports numbers the channels on which workers report.
var reports counter

type counter struct{ n atomic.Int64 }

func (c *counter) next() int64 { return c.n.Add(1) }

func offer(to chan<- int, code int) {
	select {
	case to <- code:
	default: // it has ended already
	}
}

// lineReader cuts output into lines.
type lineReader struct{ rest string }

func (l *lineReader) add(text string, fn func(string)) {
	l.rest += text
	for {
		line, rest, ok := strings.Cut(l.rest, "\n")
		if !ok {
			return
		}
		fn(line)
		l.rest = rest
	}
}

// A result is what became of one test.
type result struct {
	name, verdict, output string
}

var (
	begins = regexp.MustCompile(`^=== RUN +([^/ ]+)$`)
	ends   = regexp.MustCompile(`^--- (PASS|FAIL|SKIP): ([^/ ]+) \(`)
)

// parse finds the tests in what go test -v prints. A test that did not end
// has failed.
func parse(output string) (all []result) {
	for line := range strings.Lines(output) {
		trimmed := strings.TrimRight(line, "\n")
		if m := begins.FindStringSubmatch(trimmed); m != nil {
			all = append(all, result{name: m[1], verdict: "FAIL"})
			continue
		}
		if len(all) == 0 {
			continue
		}
		last := &all[len(all)-1]
		if m := ends.FindStringSubmatch(trimmed); m != nil && m[2] == last.name {
			last.verdict = m[1]
			continue
		}
		last.output += line
	}
	return all
}
