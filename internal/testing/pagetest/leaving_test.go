// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"testing"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// sets chooses a value in the settings of lock and safety, and returns to the conversations.
func (p *person) sets(label, value string) {
	p.t.Helper()
	p.Click("button", "Settings")
	p.Click("button", "Lock and safety")
	p.Until(`(() => {
		const s = [...document.querySelectorAll("label")].find(l => l.textContent.startsWith(` + quote(label) + `))?.querySelector("select")
		if (!s) return false
		s.value = ` + quote(value) + `
		return s.dispatchEvent(new Event("change", {bubbles: true}))
	})()`)
	p.at("/")
}

// Whoever leaves the window leaves nothing that could be read, and a lock; choosing a file is not leaving.
func TestLeavingTheWindow(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", "my own words"), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	ana.sets("Lock when you leave", "on")
	ana.Click("link", "Bea")
	ana.reads("Hello, I am bea")
	const legible = `[...document.querySelectorAll("#app *, dialog *")].filter(e => getComputedStyle(e).visibility === "visible").map(e => e.outerHTML)`
	ana.Click("button", "Attach")
	ana.Until(`(document.querySelector("input[type=file]:not([accept])").addEventListener("click", e => e.preventDefault(), {once: true}), true)`)
	ana.Click("menuitem", "Files, as they are")
	if n := browsertest.Eval[int](ana.Page, `(dispatchEvent(new Event("blur")), `+legible+`.length)`); n == 0 {
		t.Error("choosing a file veils the page")
	}
	ana.Until(`new Promise(r => setTimeout(() => r(true), 1000))`)
	if ana.Sees("button", "Unlock") {
		t.Fatal("choosing a file locks the page")
	}
	ana.Until(`dispatchEvent(new Event("focus"))`)
	for _, e := range browsertest.Eval[[]string](ana.Page, `(dispatchEvent(new Event("blur")), `+legible+`)`) {
		t.Errorf("the page that was left shows %s", e)
	}
	ana.Await("button", "Unlock")
	ana.Until(`document.querySelector("input[type=password]").checkVisibility({visibilityProperty: true})`)
	ana.Write("Passphrase", "my own words")
	ana.Click("button", "Unlock")
	ana.Click("link", "Bea")
	ana.reads("Hello, I am bea")
}

// movable is a clock that a test moves on.
const movable = `(() => { const real = Date.now; globalThis.ahead = 0; Date.now = () => real() + ahead; return true })()`

// The lock that comes by itself waits while somebody is in another tab, and not for who comes too late.
func TestLockWaitsForOtherTabs(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, desktop, "ana", "my own words")
	ana.sets("Lock after", "1")
	second := &person{Page: ana.Another(), t: t, town: w, name: "ana"}
	second.Size(desktop.width, desktop.height, false)
	second.Go(w.home())
	second.Await("button", "New conversation")
	second.Until(movable)
	second.Until(`(ahead = 50_000)`)
	ana.Until(`new Promise(r => setTimeout(() => r(true), 1100))`) // others are told once a second
	ana.Press("a")
	second.Until(`(ahead = 100_000)`)
	second.Until(`new Promise(r => setTimeout(() => r(true), 11_000))`)
	if second.Sees("button", "Unlock") {
		t.Fatal("a tab locks while somebody types in another one")
	}
	second.Until(`(ahead = 200_000)`)
	second.Press("a") // whoever comes to a device that slept meanwhile is not somebody who was there
	second.Await("button", "Unlock")
}
