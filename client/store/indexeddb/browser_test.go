// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build !js

package indexeddb_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/storage"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

// suite returns the tests of this package for the browser.
func suite(t *testing.T) *browsertest.Suite {
	t.Helper()
	if testing.Short() {
		t.Skip("builds for the browser")
	}
	return browsertest.Build(t, ".")
}

// The conformance suite and all else that needs nothing from outside.
func TestInBrowser(t *testing.T) {
	s := suite(t)
	s.Run(t, browsertest.Open(t), browsertest.Options{Skip: "^TestPart"})
}

// A device runs full in the middle of an update: that update did not happen,
// all before it did, and when there is room again work goes on.
func TestFullDevice(t *testing.T) {
	s := suite(t)
	page := browsertest.Open(t)
	quota := float64(12 << 20)
	browsertest.Call(page, storage.OverrideQuotaForOrigin, storage.OverrideQuotaForOriginParams{Origin: s.URL, QuotaSize: &quota})
	s.Run(t, page, browsertest.Options{Run: "^TestPartFill$"})
	browsertest.Call(page, storage.OverrideQuotaForOrigin, storage.OverrideQuotaForOriginParams{Origin: s.URL})
	s.Run(t, page, browsertest.Options{Run: "^TestPartGoOn$"})
}

// A page is left while its worker writes, again and again. What was
// acknowledged is there, and of an update that was not, all or nothing.
func TestLeavingThePageBreaksNothing(t *testing.T) {
	s := suite(t)
	page := browsertest.Open(t)
	last := 0
	for range 5 {
		enough := make(chan struct{})
		written := 0
		running := s.Start(page, browsertest.Options{Run: "^TestPartWrite$", OnLine: func(line string) {
			n, err := strconv.Atoi(strings.TrimPrefix(line, "saved "))
			if err != nil {
				return
			}
			last = n
			if written++; written == 40 {
				close(enough)
			}
		}})
		running.WaitFor(t, enough)
		page.Go("about:blank")
		s.Run(t, page, browsertest.Options{Run: "^TestPartWhole$", Env: map[string]string{"SAVED": strconv.Itoa(last)}})
	}
}

// A second tab waits until the first lets go, or says that it is in use.
func TestTwoTabs(t *testing.T) {
	s := suite(t)
	first := browsertest.Open(t)
	held := make(chan struct{})
	holding := s.Start(first, browsertest.Options{Run: "^TestPartHold$", OnLine: func(line string) {
		if line == "held" {
			close(held)
		}
	}})
	holding.WaitFor(t, held)
	refused := make(chan struct{})
	second := first.Another()
	waiting := s.Start(second, browsertest.Options{Run: "^TestPartWait$", OnLine: func(line string) {
		if line == "refused" {
			close(refused)
		}
	}})
	waiting.WaitFor(t, refused)
	first.Go("about:blank")
	if code := waiting.Wait(t); code != 0 {
		t.Errorf("%s", waiting.Output())
	}
}

// The benchmarks of bench_test.go.
func BenchmarkInBrowser(b *testing.B) {
	running := browsertest.Build(b, ".").Start(browsertest.Open(b), browsertest.Options{Run: "^$", Bench: ".", OnLine: func(line string) {
		if strings.Contains(line, "ns/op") {
			fmt.Println(line)
		}
	}})
	if code := running.Wait(b); code != 0 {
		b.Errorf("the benchmarks ended with %d:\n%s", code, running.Output())
	}
}
