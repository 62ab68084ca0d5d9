// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// What one tab changed stays when another one changes something else.
func TestSettingsInTwoTabs(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, desktop, "ana", "")
	second := &person{Page: ana.Another(), t: t, town: w, name: "ana"}
	second.Size(desktop.width, desktop.height, false)
	second.Go(w.home() + "/#/settings")
	second.Click("button", "Appearance")
	ana.Click("button", "Settings")
	ana.Click("button", "Privacy")
	ana.Click("switch", "Read marks")
	ana.Until(`document.querySelector("[role=switch]").checked === false`)
	ana.Until(`new Promise(r => setTimeout(() => r(true), 1000))`) // nobody is in both tabs at once
	second.Until(`(() => {
		const s = [...document.querySelectorAll("label")].find(l => l.textContent.startsWith("Theme"))?.querySelector("select")
		if (!s) return false
		s.value = "dark"
		return s.dispatchEvent(new Event("change", {bubbles: true}))
	})()`)
	ana.Until(`document.documentElement.dataset.theme === "dark"`)
	ana.Do(reload())
	ana.Await("switch", "Read marks")
	ana.Until(`document.querySelector("[role=switch]").checked === false && document.documentElement.dataset.theme === "dark"`)
}

// The code of the settings is loaded when they are opened. If that fails the page
// says so, and loads it when it is tried again.
func TestSettingsThatCannotBeLoaded(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	code, err := filepath.Glob(filepath.Join("..", "..", "product", "webapp", "dist", "assets", "settings-*.js"))
	must(t, err)
	if len(code) != 1 {
		t.Fatalf("the code of the settings is in %q", code)
	}
	w.diverts("/assets/"+filepath.Base(code[0]), func(out http.ResponseWriter, _ *http.Request) {
		out.WriteHeader(http.StatusServiceUnavailable)
	})
	ana := &person{browsertest.Open(t), t, w, "ana"}
	ana.Expect("503|settings-")
	ana.Go(w.home())
	ana.create("")
	ana.at("/settings/privacy")
	ana.shows("The settings could not be loaded.")
	ana.Await("heading", "Privacy")
	w.astray.Store(nil)
	ana.Click("button", "Try again")
	ana.Await("switch", "Read marks")
}

// What the service worker keeps has the settings, so that they open for the first
// time without a connection, too.
func TestSettingsWithoutConnection(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, phone, "ana", "")
	ana.Until(`navigator.serviceWorker.ready.then(() => !!navigator.serviceWorker.controller)`)
	ana.Expect("WebSocket connection to|net::ERR_")
	w.Stop(t)
	ana.shows("Offline.")
	ana.Click("button", "Settings")
	ana.Click("button", "Privacy")
	ana.Await("switch", "Read marks")
}
