// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

const events = `{"Action":"output","Package":"m/a","Test":"TestGood","Output":"noise\n"}
{"Action":"pass","Package":"m/a","Test":"TestGood"}
{"Action":"output","Package":"m/a","Test":"TestBad","Output":"=== RUN   TestBad\n"}
{"Action":"output","Package":"m/a","Test":"TestBad","Output":"    a_test.go:3: it broke\n"}
{"Action":"fail","Package":"m/a","Test":"TestBad"}
{"Action":"output","Package":"m/a","Test":"TestLong/part","Output":"    a_test.go:9: too long for short mode\n"}
{"Action":"skip","Package":"m/a","Test":"TestLong/part"}
{"Action":"output","Package":"m/a","Test":"TestTool","Output":"    a_test.go:12: the tool is not installed\n"}
{"Action":"skip","Package":"m/a","Test":"TestTool"}
{"Action":"output","Package":"m/a","Test":"TestCut","Output":"panic: cut off\n"}
{"Action":"output","Package":"m/a","Output":"FAIL\tm/a\t0.1s\n"}
{"Action":"fail","Package":"m/a"}
{"Action":"build-output","ImportPath":"m/b","Output":"b.go:1: syntax error\n"}
`

// again is the second run, without short mode.
const again = `{"Action":"pass","Package":"m/a","Test":"TestLong/part"}
{"Action":"pass","Package":"m/a","Test":"TestLong"}
{"Action":"output","Package":"m/a","Test":"TestTool","Output":"    a_test.go:12: the tool is not installed\n"}
{"Action":"skip","Package":"m/a","Test":"TestTool"}
`

func TestReportShowsWhatMatters(t *testing.T) {
	var out strings.Builder
	r := newReport(&out)
	if err := r.read(strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	skipped := r.takeSkipped()
	if got := strings.Join(skipped["m/a"], " "); got != "TestLong TestTool" || len(skipped) != 1 {
		t.Errorf("skipped tests: %v", skipped)
	}
	if err := r.read(strings.NewReader(again)); err != nil {
		t.Fatal(err)
	}
	r.summary(true)
	for _, want := range []string{
		"it broke", "panic: cut off", "FAIL\tm/a\t0.1s", "syntax error",
		"3 passed, 2 failed, 1 skipped", "skipped: the tool is not installed\n    a.TestTool\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "noise") {
		t.Error("the output of a test that passed is shown")
	}
}

func TestPackagesThatRunAlone(t *testing.T) {
	alone := regexp.MustCompile("/e2e$")
	for want, packages := range map[string][]string{
		"[[m/a m/b] [m/e2e]]": {"m/a", "m/e2e", "m/b"},
		"[[m/a]]":             {"m/a"},
		"[[m/e2e]]":           {"m/e2e"},
	} {
		if got := fmt.Sprint(split(packages, alone)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
