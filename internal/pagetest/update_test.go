// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/internal/browsertest"
)

// build is how the service worker calls its version.
var build = regexp.MustCompile(`"app-([0-9a-f]{16})"`)

// released serves the application in the town's version: what tells a browser
// of another one is its service worker.
func (w *town) released(app http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
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
