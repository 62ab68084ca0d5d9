// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// build is how the service worker calls its version.
var build = regexp.MustCompile(`"app-([0-9a-f]{16})"`)

// released serves the application in the town's version: what tells a browser
// of another one is its service worker.
func (w *town) released(app http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if mux := w.astray.Load(); mux != nil {
			if answer, pattern := mux.Handler(r); pattern != "" {
				answer.ServeHTTP(out, r)
				return
			}
		}
		if w.coreless.Load() && strings.HasSuffix(r.URL.Path, ".wasm") {
			http.NotFound(out, r)
			return
		}
		version := w.version.Load()
		if version == 0 || r.URL.Path != "/sw.js" {
			app.ServeHTTP(out, r)
			return
		}
		r.Header.Del("Accept-Encoding")
		r.Header.Del("If-None-Match")
		recorder := httptest.NewRecorder()
		app.ServeHTTP(recorder, r)
		for _, name := range []string{"Content-Type", "Content-Security-Policy", "Cross-Origin-Embedder-Policy"} {
			out.Header().Set(name, recorder.Header().Get(name))
		}
		_, _ = out.Write(build.ReplaceAll(recorder.Body.Bytes(), fmt.Appendf(nil, `"app-%d-$1"`, version)))
	})
}

// A core that cannot begin is told in words, and begins when it can.
func TestCoreThatCannotBegin(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.coreless.Store(true)
	ana := &person{browsertest.Open(t), t, w, "ana"}
	ana.Expect("404|WebAssembly")
	ana.Go(w.home())
	ana.shows("SecureCrypt cannot start")
	w.coreless.Store(false)
	ana.Click("button", "Try again")
	ana.create("")
}

// A new version is offered, and taken by all tabs at once; what is being
// written stays.
func TestUpdate(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	second := &person{Page: ana.Another(), t: t, town: w, name: "ana"}
	second.Size(desktop.width, desktop.height, false)
	second.Go(w.home())
	second.Click("link", "Bea")
	for _, tab := range []*person{ana, second} {
		tab.Until(`navigator.serviceWorker.controller`)
		tab.Until(`globalThis.before = true`)
	}
	second.Write("Message to", "half a sentence")
	w.version.Store(1)
	ana.Until(`navigator.serviceWorker.getRegistration().then(r => r.update()).then(() => true)`)
	ana.shows("A new version is ready.")
	ana.Click("button", "Use it now")
	for _, tab := range []*person{ana, second} {
		tab.Until(`!globalThis.before && document.querySelector("textarea")`)
	}
	ana.Until(`caches.keys().then(all => all.length === 1 && all[0].startsWith("app-1-"))`)
	second.Until(`document.querySelector("textarea").value === "half a sentence"`)
	ana.reads("Hello, I am bea")
	ana.say("from the new version")
	bea.reads("from the new version")
	second.reads("from the new version")
}

// says answers everything with a text.
func says(kind, text string) http.HandlerFunc {
	return func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", kind)
		_, _ = io.WriteString(out, text)
	}
}

// installs looks for a new version and returns what becomes of it.
func (p *person) installs() string {
	p.t.Helper()
	return browsertest.Eval[string](p.Page, `navigator.serviceWorker.getRegistration().then(r => r.update()).then(r => new Promise(done => {
		const fresh = r.installing
		const told = () => done(r.waiting ? "installed" : "dropped")
		if (fresh) fresh.addEventListener("statechange", told)
		else told()
	}))`)
}

// diverts has some requests answered otherwise.
func (w *town) diverts(pattern string, answer http.HandlerFunc) {
	mux := http.NewServeMux()
	mux.Handle(pattern, answer)
	w.astray.Store(mux)
}

// What a server says while it is being worked on, and what was damaged on the
// way or in the cache, does not become the application.
func TestUpdateTakesOnlyWhatWasBuilt(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, desktop, "ana", "")
	ana.Until(`navigator.serviceWorker.controller`)
	ana.Expect("not what this version was built with")
	ana.Until(`(globalThis.style = document.querySelector("link[rel=stylesheet]").href) && caches.keys().then(all => Promise.all(all.map(name =>
		caches.open(name).then(c => c.put(style, new Response("cut sho", {headers: {"Content-Type": "text/css"}})))))).then(() => true)`)
	for _, c := range []struct {
		what, path string
		answer     http.HandlerFunc
	}{
		{"a style cut short", "/assets/{style}", says("text/css", "cut sho")},
		{"a page about maintenance", "/{$}", says("text/html; charset=utf-8", "<h1>Down for maintenance</h1>")},
		{"a page of another build", "/{$}", says("text/html; charset=utf-8", `<meta name="securecrypt-server" content=""><script src="/assets/main-OTHER.js"></script>`)},
		{"the page elsewhere", "/{$}", http.RedirectHandler("/share", http.StatusFound).ServeHTTP},
		{"no page", "/{$}", http.NotFound},
	} {
		w.diverts(c.path, c.answer)
		w.version.Add(1)
		if got := ana.installs(); got != "dropped" {
			t.Errorf("%s: the new version was %s", c.what, got)
		}
	}
	ana.Do(reload())
	ana.Await("button", "New conversation")

	w.astray.Store(nil)
	w.version.Add(1)
	if got := ana.installs(); got != "installed" {
		t.Errorf("from a server that is well again, the new version was %s", got)
	}
	ana.Until(`(globalThis.before = true)`)
	ana.Click("button", "Use it now")
	ana.Until(`!globalThis.before && document.querySelector("link[rel=stylesheet]")?.sheet.cssRules.length > 10`)
	ana.Await("button", "New conversation")
}

// A browser that needed room threw the files away: they come back, and the
// application starts without a network again.
func TestEmptiedCacheIsFilled(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, desktop, "ana", "")
	ana.Until(`navigator.serviceWorker.controller`)
	count := `caches.keys().then(async all => (await (await caches.open(all.find(name => name.startsWith("app-")) ?? "none")).keys()).length)`
	all := browsertest.Eval[int](ana.Page, count)
	if all < 10 {
		t.Fatalf("the cache holds %d files", all)
	}
	ana.Until(`caches.keys().then(all => Promise.all(all.map(name => caches.delete(name)))).then(() => true)`)
	ana.Do(reload())
	ana.Await("button", "New conversation")
	ana.Until(fmt.Sprintf(`%s.then(n => n === %d)`, count, all))
	ana.Expect("ERR_|WebSocket")
	w.Stop(t)
	ana.Do(reload())
	ana.Await("button", "New conversation")
	ana.shows("Offline")
}
