// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp/kb"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// clock lets a test move the page's clock on by milliseconds, and makes what
// happens every few seconds happen at once; beats counts that.
const clock = `{
	const now = Date.now, every = setInterval
	globalThis.ahead = globalThis.beats = 0
	Date.now = () => now() + ahead
	setInterval = (fn, ms, ...rest) => every(() => { fn(...rest); beats++ }, ms / 50)
}`

// later lets time pass in which nobody touches anything.
func (p *person) later(seconds int) {
	p.t.Helper()
	p.Until(fmt.Sprintf(`(ahead += %d, beats = 0, true)`, seconds*1000))
	p.Until(`beats > 2 || document.querySelector("input[type=password]")`)
}

// unlocks enters a passphrase.
func (p *person) unlocks(words string) {
	p.t.Helper()
	p.Await("button", "Unlock")
	p.Until(`document.querySelector("input[type=password]").select() ?? true`)
	p.Insert(words)
	p.Click("button", "Unlock")
}

// A page locks itself when nobody has touched it for a while, or when its
// window is left, if that is wanted.
func TestLocksByItself(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, phone, "ana", "my own words")
	browsertest.Call(ana.Page, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: clock})
	ana.at("/settings/security")
	ana.Do(reload())
	ana.choose("select:has([value='60'])", "1")
	ana.Until(`document.querySelector("select:has([value='60'])").value === "1"`)
	ana.later(50)
	ana.Press(kb.Tab)
	ana.later(50)
	if !ana.Sees("heading", "Lock and safety") {
		t.Fatal("it locked though somebody was there")
	}
	ana.later(15)
	ana.unlocks("my own words")
	ana.Until(`document.querySelector("select:has([value='60'])")?.value === "1"`)
	ana.choose("select:has([value='60'])", "0")
	ana.Until(`document.querySelector("select:has([value='60'])").value === "0"`)
	ana.later(3600)
	ana.Until(`dispatchEvent(new Event("blur"))`)
	ana.later(1)
	if !ana.Sees("heading", "Lock and safety") {
		t.Fatal("it locked though nobody wants that")
	}
	ana.Until(`((window.otherTab = new BroadcastChannel("tabs")).onmessage = () => window.told = true)`)
	ana.choose("select:has([value=on])", "on")
	ana.Until(`window.told`) // a tab tells the others of a setting once it is stored
	ana.Do(reload())         // this is leaving, too
	ana.unlocks("my own words")
	ana.Until(`document.querySelector("select:has([value=on])")?.value === "on"`)
	ana.Until(`(dispatchEvent(new Event("blur")), "veiled" in document.documentElement.dataset)`)
	ana.Await("button", "Unlock")
	ana.Until(`(dispatchEvent(new Event("focus")), !("veiled" in document.documentElement.dataset))`)
	ana.unlocks("my own words")
	ana.Await("heading", "Lock and safety")
}

// A passphrase is changed by who knows it, and the old one is worth nothing.
func TestPassphraseIsChanged(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, desktopDark, "ana", "")
	ana.Go(w.home() + "/#/settings/security")
	change := func(old, fresh, again string) {
		t.Helper()
		ana.Until(`document.querySelectorAll("input[type=password]").forEach(i => { i.value = ""; i.dispatchEvent(new Event("input", {bubbles: true})) }) ?? true`)
		if old != "" {
			ana.Write("Present passphrase", old)
		}
		ana.Write("New passphrase", fresh)
		ana.Write("Confirm passphrase", again)
		ana.Until(`(() => { const b = document.querySelector("form [type=submit]:not([disabled])"); b?.click(); return b })()`)
	}
	change("", "first words", "first word")
	ana.shows("The two passphrases differ.")
	change("", "first words", "first words")
	ana.Await("textbox", "Present passphrase")
	change("wrong words", "second words", "second words")
	ana.shows("That is not the passphrase.")
	change("first words", "second words", "second words")
	ana.shows("Saved")
	ana.Click("button", "Lock now")
	ana.unlocks("first words")
	ana.shows("That is not the passphrase.")
	ana.unlocks("second words")
	ana.Await("heading", "Lock and safety")
	ana.Write("Present passphrase", "second words")
	ana.Click("button", "Remove")
	ana.Gone("textbox", "Present passphrase")
	ana.comesBack()
	ana.Await("button", "New conversation")
}

// kept is what the browser keeps, but for the application's own files and how
// it looks.
const kept = `(async () => {
	const all = []
	for (const { name } of await indexedDB.databases()) {
		const db = await new Promise((ok, bad) => { const r = indexedDB.open(name); r.onsuccess = () => ok(r.result); r.onerror = () => bad(r.error) })
		for (const table of db.objectStoreNames) {
			const n = await new Promise((ok, bad) => { const r = db.transaction(table).objectStore(table).count(); r.onsuccess = () => ok(r.result); r.onerror = () => bad(r.error) })
			if (n) all.push(n + " records in " + name + "/" + table)
		}
		db.close()
	}
	for (const name of await caches.keys()) if (!/^app-[0-9a-f]{16}$/.test(name)) all.push("cache " + name)
	for (const s of [localStorage, sessionStorage]) for (const key of Object.keys(s)) {
		const rest = Object.keys(JSON.parse(s.getItem(key))).filter(k => !["theme", "contrast", "size", "motion", "language"].includes(k))
		if (key !== "look" || rest.length) all.push("storage " + key + ": " + rest)
	}
	const files = navigator.storage.getDirectory && await navigator.storage.getDirectory()
	if (files) for await (const name of files.keys()) all.push("file " + name)
	return all
})()`

// Of what is erased the browser keeps nothing.
func TestEraseLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, phoneLight, "ana", "my own words"), w.settle(t, desktop, "bea", "")
	ana.meet(bea)
	ana.Until(`caches.open("wake").then(c => c.put("/wake", new Response("New message"))).then(() => true)`)
	if before := browsertest.Eval[[]string](ana.Page, kept); len(before) < 3 {
		t.Fatalf("before it is erased there is only %q", before)
	}
	ana.Go(w.home() + "/#/settings/security")
	ana.Click("button", "Erase everything")
	ana.shows("you need the recovery key to use the account again")
	ana.Click("button", "Cancel")
	ana.Click("button", "Erase everything")
	ana.shows("you need the recovery key to use the account again")
	ana.Until(`(document.querySelector("dialog button.danger").click(), true)`)
	ana.Await("button", "Get started")
	ana.Until(kept + `.then(all => all.length === 0)`)
	if rest := browsertest.Eval[string](ana.Page, "document.documentElement.outerHTML + document.title + location.href"); strings.Contains(rest, "Bea") || strings.Contains(rest, "/c/") {
		t.Errorf("the page still has %s", rest)
	}
	ana.Do(reload())
	ana.Await("button", "Get started")
	ana.name = "anna" // the address is taken for ever
	ana.create("")
	ana.writeTo(bea.address(), "It is me again")
	bea.at("/requests")
	bea.Click("link", "Anna")
	bea.reads("It is me again")
}
