// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// descends reports whether a process, named by its folder in /proc, was started by
// this one or by one that it started. Other tests have browsers, too.
func descends(folder string) bool {
	for folder != "/proc/0" {
		if folder == fmt.Sprintf("/proc/%d", os.Getpid()) {
			return true
		}
		status, err := os.ReadFile(filepath.Join(folder, "status"))
		_, rest, _ := strings.Cut(string(status), "\nPPid:")
		fields := strings.Fields(rest)
		if err != nil || len(fields) == 0 {
			return false // it has ended
		}
		folder = "/proc/" + fields[0]
	}
	return false
}

// renderers returns what each process of a page of these tests has in memory, in MiB.
func renderers(t *testing.T) map[string]float64 {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)
	all := map[string]float64{}
	for _, file := range files {
		line, _ := os.ReadFile(file) // it may have ended
		if !strings.Contains(string(line), "--type=renderer") || !descends(filepath.Dir(file)) {
			continue
		}
		rollup, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "smaps_rollup"))
		_, rest, _ := strings.Cut(string(rollup), "\nPss:")
		if fields := strings.Fields(rest); len(fields) > 0 {
			kib, err := strconv.ParseFloat(fields[0], 64)
			must(t, err)
			all[filepath.Dir(file)] = kib / 1024
		}
	}
	return all
}

// busy returns for how long the page's thread has worked, in milliseconds: what
// other programs take of the machine does not count. The thread answers between
// two of its tasks.
func (p *person) busy() float64 {
	p.t.Helper()
	for _, m := range browsertest.Call(p.Page, performance.GetMetrics, cdp.Empty{}).Metrics {
		if m.Name == "TaskDuration" {
			return 1000 * m.Value
		}
	}
	p.t.Fatal("the browser does not tell how long it worked")
	return 0
}

// A thousand of the longest texts, arriving while their conversation is open,
// neither stop the page nor fill the memory; each is shown whole when somebody
// asks for it.
func TestLongTextsAreCut(t *testing.T) {
	if testing.Short() {
		t.Skip("sends 65 MB of text")
	}
	const messages, worstTask, mostMemory = 1000, 100, 400
	before := renderers(t)
	w := newTown(t)
	ana, ted := w.settle(t, desktop, "ana", ""), w.terminal(t, "ted")
	ana.writeTo("ted@"+w.Host, "Go on")
	id := accepts(t, ted)
	long := func(n int) string {
		start := fmt.Sprintf("Text %d. ", n)
		return start + strings.Repeat("lorem **ipsum** dolor sit amet\n", chat.MaxText)[:chat.MaxText-len(start)-5] + " end."
	}
	_, err := ted.Send(t.Context(), id, chat.Draft{Text: long(0)})
	must(t, err)
	ana.reads("Text 0.")
	browsertest.Call(ana.Page, performance.Enable, performance.EnableParams{TimeDomain: "threadTicks"})
	memory, worst, all := 0.0, 0.0, ana.busy()
	for n := 1; n <= messages; n++ {
		_, err := ted.Send(t.Context(), id, chat.Draft{Text: long(n)})
		must(t, err)
		for range 10 { // what happened since the answer before is one task, or some
			now := ana.busy()
			worst, all = max(worst, now-all), now
		}
		if n%20 != 0 {
			continue
		}
		ana.reads(fmt.Sprintf("Text %d.", n))
		all = ana.busy() // looking costs, too
		for process, mebi := range renderers(t) {
			if _, old := before[process]; !old {
				memory = max(memory, mebi)
			}
		}
	}
	t.Logf("%d texts of %d bytes: at most %.0f ms of work between two answers of its thread (allowed: %d), renderer %.0f MiB (allowed: %d)",
		messages, chat.MaxText, worst, worstTask, memory, mostMemory)
	if worst > worstTask || memory > mostMemory {
		t.Error("the page stood still, or took too much")
	}
	if memory == 0 && runtime.GOOS == "linux" {
		t.Error("no renderer was found")
	}
	last := fmt.Sprintf("Text %d.", messages)
	if browsertest.Eval[int](ana.Page, `[...document.querySelectorAll(".message")].at(-1).textContent.length`) > 8000 {
		t.Error("the text is not cut")
	}
	ana.Until(`[...document.querySelectorAll(".message")].at(-1).querySelector(".bubble .button")?.click() ?? true`)
	ana.Until(`(m => m.includes(` + quote(last) + `) && m.includes(" end.") && m.length > 60000)([...document.querySelectorAll(".message")].at(-1).textContent)`)
	ana.act(last, "Copy")
	ana.shows("Copied")
}
