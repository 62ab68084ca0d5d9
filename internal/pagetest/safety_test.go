// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/internal/browsertest"
)

// hostile are messages that a browser must only show.
var hostile = []string{
	`<script>document.title = "broken"</script>`,
	`<img src=x onerror="document.title='broken'"> <svg onload=alert(1)>`,
	`[click](javascript:document.title='broken') [data](data:text/html,<script>1</script>)`,
	`![picture](https://elsewhere.invalid/tracker.png)`,
	"https://good.example@evil.example/ and [https://good.example](https://evil.example/)",
	"\u202eevil\u202c \u2066isolate\u2069 \u200b\u200d\ufeff zero\u200bwidth \u0000 control",
	strings.Repeat("> ", 3000) + "deep",
	strings.Repeat("*", 20000) + " " + strings.Repeat("[", 5000),
	strings.Repeat("W", 4000),
	strings.Repeat("\u0300", 2000) + " zalgo",
	"| a | b |\n|---|---|\n" + strings.Repeat("| x | y |\n", 2000),
	"```html\n<script>alert(1)</script>\n```",
	"<style>*{display:none}</style><meta http-equiv=refresh content='0;url=https://evil.invalid'>",
}

// Whatever somebody sends is shown as text, harms nothing and loads nothing.
func TestHostileMessages(t *testing.T) {
	w := newTown(t)
	ana, eve := w.settle(t, phone, "ana", ""), w.terminal(t, "eve")
	with, err := eve.Direct(t.Context(), account.Address{Name: "ana", Host: w.Host})
	must(t, err)
	must(t, eve.SetProfile(t.Context(), "<b>Eve</b>\u202e"))
	for _, text := range hostile {
		_, err := eve.Send(t.Context(), with, client.Draft{Text: text})
		must(t, err)
	}
	_, err = eve.Send(t.Context(), with, client.Draft{Text: "the end"})
	must(t, err)
	ana.Click("button", "Requests")
	ana.Click("link", "Eve") // once the name has come, in place of the address
	ana.reads("the end")
	ana.Click("button", "Accept")
	ana.say("still here")
	if title := browsertest.Eval[string](ana.Page, "document.title"); strings.Contains(title, "broken") {
		t.Error("a message ran a script")
	}
	bad := browsertest.Eval[[]string](ana.Page, `[...document.querySelectorAll(".message :is(script, style, iframe, object, embed, meta, link, form, svg[onload], [onerror], [onload]), .message a[href^='javascript:' i], .message a[href^='data:' i], .message img[src^='http']")].map(e => e.outerHTML)`)
	for _, b := range bad {
		t.Errorf("a message became %s", b)
	}
	wide := browsertest.Eval[bool](ana.Page, `document.scrollingElement.scrollWidth > innerWidth`)
	if wide {
		t.Error("a message makes the page wider than the screen")
	}
	foreign := browsertest.Eval[[]string](ana.Page, `performance.getEntriesByType("resource").map(r => r.name).filter(n => !n.startsWith(location.origin) && !n.startsWith("blob:"))`)
	for _, f := range foreign {
		t.Errorf("the page loaded %s", f)
	}
}

// A passphrase locks the page; that of duress opens an empty one.
func TestLockAndDuress(t *testing.T) {
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", "my own words"), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	ana.Do(reload())
	ana.Write("Passphrase", "wrong words")
	ana.Click("button", "Unlock")
	ana.Await("alert", "")
	if ana.Sees("link", "Bea") || strings.Contains(browsertest.Eval[string](ana.Page, "document.body.textContent"), "Bea") {
		t.Fatal("a locked page shows who ana talks to")
	}
	ana.Until(`document.querySelector("input[type=password]").select() ?? true`)
	ana.Insert("my own words")
	ana.Click("button", "Unlock")
	ana.reads("Hello, I am bea")

	ana.Click("button", "Settings")
	ana.Click("button", "Lock and safety")
	ana.Write("Second passphrase", "their words")
	ana.Until(`(() => { const b = [...document.querySelectorAll("form")].find(f => f.textContent.includes("Second passphrase"))?.querySelector("[type=submit]"); b?.click(); return !!b })()`)
	ana.shows("Saved")
	ana.Click("button", "Lock now")
	ana.Write("Passphrase", "their words")
	ana.Click("button", "Unlock")
	ana.shows("No conversations yet")
	left := browsertest.Eval[string](ana.Page, "document.body.innerText")
	if strings.Contains(left, "Bea") || strings.Contains(left, ana.address()) {
		t.Errorf("under duress the page shows %s", left)
	}
	bea.say("are you there")
}

// What people said and who they are is nowhere in what the browser keeps, nor
// in what the server has.
func TestPlaintextIsNotKept(t *testing.T) {
	const mark = "PLAINTEXT-MARK-41e7"
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "long words")
	ana.meet(bea)
	ana.say(mark)
	bea.reads(mark)
	ana.Write("Message to", mark+" as a draft")
	ana.Until(`new Promise(r => setTimeout(() => r(true), 1500))`)
	for _, p := range []*person{ana, bea} {
		found := browsertest.Eval[[]string](p.Page, `(async () => {
			const found = [], decoder = new TextDecoder("latin1")
			const look = (where, v) => {
				if (v instanceof ArrayBuffer) v = new Uint8Array(v)
				const s = v instanceof Uint8Array ? decoder.decode(v) : typeof v === "string" ? v : JSON.stringify(v) ?? ""
				if (s.includes("`+mark+`") || s.includes("Hello, I am")) found.push(where)
				return s.length
			}
			let read = 0
			for (const { name } of await indexedDB.databases()) {
				const db = await new Promise((ok, bad) => { const r = indexedDB.open(name); r.onsuccess = () => ok(r.result); r.onerror = () => bad(r.error) })
				for (const table of db.objectStoreNames) {
					const all = await new Promise((ok, bad) => { const r = db.transaction(table).objectStore(table).getAll(); r.onsuccess = () => ok(r.result); r.onerror = () => bad(r.error) })
					for (const v of all) read += look(name, v instanceof Uint8Array || v instanceof ArrayBuffer || typeof v !== "object" ? v : Object.values(v).find(x => x instanceof Uint8Array) ?? v)
				}
				db.close()
			}
			for (const name of await caches.keys()) for (const request of await (await caches.open(name)).keys()) {
				const body = await (await (await caches.open(name)).match(request)).arrayBuffer()
				read += look("cache " + request.url, body)
			}
			for (const s of [localStorage, sessionStorage]) for (let i = 0; i < s.length; i++) look("storage", s.getItem(s.key(i)))
			if (read < 10000) found.push("nothing was searched: " + read)
			return found
		})()`)
		for _, f := range found {
			t.Errorf("%s keeps plaintext: %s", p.name, f)
		}
	}
	w.Stop(t)
	must(t, filepath.Walk(w.dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(mark)) || bytes.Contains(b, []byte("Hello, I am")) {
			t.Errorf("the server keeps plaintext in %s", path)
		}
		return err
	}))
	if strings.Contains(w.Logs.String(), mark) {
		t.Error("the server logs plaintext")
	}
	ana.Expect("WebSocket|net::ERR_")
	bea.Expect("WebSocket|net::ERR_")
}
