// SPDX-License-Identifier: AGPL-3.0-or-later

package browsertest

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// host is the page, and the worker's script, that run a test binary.
//
//go:embed host
var host embed.FS

// A Suite is the tests of a package built for the browser, and the web server
// that hands them out.
type Suite struct {
	// URL is the suite's own origin, the same for as long as the process
	// lives: what tests store there stays for the profile.
	URL string
}

type building struct {
	once  sync.Once
	suite *Suite
	err   error
}

var built sync.Map // folder: *building

// Build builds the tests of the package in a folder, once in this process.
func Build(tb testing.TB, folder string) *Suite {
	tb.Helper()
	browser(tb) // skips first
	at, _ := built.LoadOrStore(folder, &building{})
	b := at.(*building)
	b.once.Do(func() { b.suite, b.err = build(folder) })
	if b.err != nil {
		tb.Fatal(b.err)
	}
	return b.suite
}

func build(folder string) (*Suite, error) {
	dir, err := os.MkdirTemp("", "browsertest")
	if err != nil {
		return nil, err
	}
	atEnd(func() { _ = os.RemoveAll(dir) })
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("browsertest: go env: %w", err)
	}
	binary := filepath.Join(dir, "test.wasm")
	cmd := exec.Command("go", "test", "-c", "-o", binary, ".")
	cmd.Dir, cmd.Env = folder, append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("browsertest: building the tests of %s: %w\n%s", folder, err, out)
	}
	mux := http.NewServeMux()
	mux.Handle("/host/", http.FileServerFS(host))
	mux.HandleFunc("/wasm_exec.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"))
	})
	mux.HandleFunc("/test.wasm", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, binary) })
	mux.HandleFunc("/favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	server := httptest.NewServer(mux)
	atEnd(server.Close)
	return &Suite{URL: server.URL}, nil
}

// Options say what a suite is to run.
type Options struct {
	// Run selects tests, and Skip leaves some out, as go test's flags do.
	Run, Skip string
	// Bench selects benchmarks.
	Bench string
	// Env is what os.Getenv returns in the tests.
	Env map[string]string
	// OnLine, if not nil, is told each line that the tests print, while they
	// run. It must not block.
	OnLine func(line string)
}

// A message comes from the worker.
type message struct {
	Text  string `json:"text"`
	Exit  *int   `json:"exit"`
	Fatal string `json:"fatal"`
}

// A Running is a suite at work in a page.
type Running struct {
	done chan int // gets the exit code

	mu     sync.Mutex
	output bytes.Buffer
}

// Output returns what the tests have printed so far.
func (r *Running) Output() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.output.String()
}

// Wait returns the exit code once the tests have ended.
func (r *Running) Wait(tb testing.TB) int {
	tb.Helper()
	select {
	case code := <-r.done:
		return code
	case <-time.After(patience):
		tb.Fatalf("browsertest: the tests do not end\n%s", r.Output())
		return 0
	}
}

// WaitFor returns once event is closed. The tests must not have ended before.
func (r *Running) WaitFor(tb testing.TB, event <-chan struct{}) {
	tb.Helper()
	select {
	case <-event:
	case code := <-r.done:
		tb.Fatalf("browsertest: the tests ended with %d\n%s", code, r.Output())
	case <-time.After(patience):
		tb.Fatalf("browsertest: nothing comes of the tests\n%s", r.Output())
	}
}

// Start begins to run tests in a worker of the page. Whoever leaves the page
// ends the worker where it stands.
func (s *Suite) Start(p *Page, o Options) *Running {
	p.tb.Helper()
	r := &Running{done: make(chan int, 1)}
	name := fmt.Sprintf("report%d", reports.next())
	var lines lineReader
	err := chromedp.Listen(p.ctx, func(event any) {
		e, ok := event.(*runtime.EventBindingCalled)
		if !ok || e.Name != name {
			return
		}
		var m message
		if err := json.Unmarshal([]byte(e.Payload), &m); err != nil {
			m = message{Fatal: err.Error()}
		}
		r.mu.Lock()
		r.output.WriteString(m.Text + m.Fatal)
		r.mu.Unlock()
		if o.OnLine != nil {
			lines.add(m.Text, o.OnLine)
		}
		switch {
		case m.Fatal != "":
			offer(r.done, 1)
		case m.Exit != nil:
			offer(r.done, *m.Exit)
		}
	})
	if err != nil {
		p.tb.Fatal(err)
	}
	Call(p, runtime.AddBinding, runtime.AddBindingParams{Name: name})
	p.Go(s.URL + "/host/page.html")
	args := []string{"-test.v", "-test.timeout=10m"}
	if o.Run != "" {
		args = append(args, "-test.run="+o.Run)
	}
	if o.Skip != "" {
		args = append(args, "-test.skip="+o.Skip)
	}
	if o.Bench != "" {
		args = append(args, "-test.bench="+o.Bench, "-test.benchmem")
	}
	if o.Env == nil {
		o.Env = map[string]string{}
	}
	order, err := json.Marshal(map[string]any{"args": args, "env": o.Env})
	if err != nil {
		p.tb.Fatal(err)
	}
	Eval[bool](p, fmt.Sprintf("start(%s, %q)", order, name))
	return r
}

// Run runs tests in a worker of the page, as subtests of t.
func (s *Suite) Run(t *testing.T, p *Page, o Options) {
	t.Helper()
	r := s.Start(p, o)
	code := r.Wait(t)
	results := parse(r.Output())
	for _, one := range results {
		t.Run(one.name, func(t *testing.T) {
			switch one.verdict {
			case "FAIL":
				t.Errorf("in the browser:\n%s", one.output)
			case "SKIP":
				t.Skipf("in the browser: %s", strings.TrimSpace(one.output))
			default:
				t.Log(one.output)
			}
		})
	}
	if code != 0 && !t.Failed() || len(results) == 0 {
		t.Fatalf("in the browser the tests ended with %d:\n%s", code, r.Output())
	}
}
