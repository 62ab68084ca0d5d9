// SPDX-License-Identifier: AGPL-3.0-or-later

package browsertest_test

import (
	"bytes"
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

// serve serves a page with a script, under a policy that forbids nearly all.
func serve(t *testing.T, script string) (url string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src data:; script-src 'self'; worker-src 'self'; require-trusted-types-for 'script'; trusted-types own")
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><title>t</title><link rel=icon href="data:,"><p>text</p><script src="/script.js"></script>`))
	})
	answer := func(path, kind, text string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write([]byte(text))
		})
	}
	answer("/script.js", "text/javascript", script)
	answer("/console.js", "text/javascript", `console.error("said by a worker"); postMessage("done");`)
	answer("/now.js", "text/javascript", `postMessage(Date.now())`)
	answer("/throw.js", "text/javascript", `throw new Error("thrown by a worker");`)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

// Everything that a page may complain of is noticed.
func TestComplaintsAreNoticed(t *testing.T) {
	for name, one := range map[string]struct{ script, want string }{
		"nothing":        {"console.log('fine'); console.warn('fine')", ""},
		"console":        {"console.error('said', 7)", "said 7"},
		"exception":      {"throw new Error('thrown')", "thrown"},
		"rejection":      {"Promise.reject(new Error('rejected'))", "rejected"},
		"policy":         {"fetch('https://elsewhere.invalid/').catch(() => {})", "Content Security Policy"},
		"inline style":   {"document.body.setAttribute('style', 'color: red')", "Content Security Policy"},
		"trusted types":  {"try { document.body.innerHTML = '<b>x</b>' } catch {}", "TrustedHTML"},
		"worker console": {"own = trustedTypes.createPolicy('own', {createScriptURL: (u) => u}); new Worker(own.createScriptURL('/console.js'))", "said by a worker"},
		"worker throws":  {"own = trustedTypes.createPolicy('own', {createScriptURL: (u) => u}); new Worker(own.createScriptURL('/throw.js'))", "thrown by a worker"},
	} {
		t.Run(name, func(t *testing.T) {
			page := browsertest.Open(t)
			page.Go(serve(t, one.script))
			if one.want == "" {
				if problems := page.Problems(); len(problems) > 0 {
					t.Errorf("it complained: %q", problems)
				}
				return
			}
			page.Complaint(one.want)
			page.Expect(".") // it may be said in several ways
			page.Problems()
		})
	}
}

// failure is a testing.TB that keeps the text of Fatalf and ends the goroutine.
type failure struct {
	testing.TB
	text string
}

func (f *failure) Fatalf(format string, args ...any) {
	f.text = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// TestEndlessComplaintsFail has a page complain in a loop: a test that waits for
// something in it fails, and does not wait for an answer behind all complaints.
func TestEndlessComplaintsFail(t *testing.T) {
	page := browsertest.Open(t)
	page.Go(serve(t, `onclick = () => { for (const port of Array.from({ length: 4 }, () => new MessageChannel())) {
		port.port1.onmessage = () => { port.port2.postMessage(0); throw new Error("again"); };
		port.port2.postMessage(0);
	} }; document.body.click()`))
	failed := &failure{TB: t}
	undo := page.Blame(failed)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		page.Until("false")
	}()
	<-ended
	undo()
	if !strings.Contains(failed.text, "again") {
		t.Errorf("it failed with %q", failed.text)
	}
	page.Problems()
}

func TestExpectedComplaintsAreNone(t *testing.T) {
	page := browsertest.Open(t)
	page.Expect("^console: fine$")
	page.Go(serve(t, "console.error('fine'); console.error('not fine')"))
	if problems := page.Problems(); len(problems) != 1 || problems[0] != "console: not fine" {
		t.Errorf("heard %q", problems)
	}
}

// Profiles share nothing; pages of one profile do.
func TestProfilesAreApart(t *testing.T) {
	url := serve(t, "")
	first, stranger := browsertest.Open(t), browsertest.Open(t)
	sibling := first.Another()
	for _, p := range []*browsertest.Page{first, stranger, sibling} {
		p.Go(url)
	}
	browsertest.Eval[bool](first, "localStorage.setItem('k', 'v') === undefined")
	if got := browsertest.Eval[bool](stranger, "localStorage.getItem('k') === null"); !got {
		t.Error("a stranger sees it")
	}
	if got := browsertest.Eval[string](sibling, "localStorage.getItem('k')"); got != "v" {
		t.Errorf("another page of the profile sees %q", got)
	}
}

func TestScreenshotsArePictures(t *testing.T) {
	page := browsertest.Open(t)
	page.Go(serve(t, ""))
	if _, err := png.Decode(bytes.NewReader(page.Screenshot())); err != nil {
		t.Error(err)
	}
}

// What a promise leads to is what counts.
func TestPromisesAreAwaited(t *testing.T) {
	page := browsertest.Open(t)
	page.Go(serve(t, ""))
	page.Until(`Promise.resolve(globalThis.asked = (globalThis.asked ?? 0) + 1).then(n => n > 2)`)
	if n := browsertest.Eval[int](page, "asked"); n != 3 {
		t.Errorf("asked %d times", n)
	}
}
