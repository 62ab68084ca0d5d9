// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/chromedp"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
	"github.com/securecrypt/securecrypt/server"
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
	strings.Repeat("a|", 1000) + "\n" + strings.Repeat("-|", 1000) + "\n" + strings.Repeat("a\n", 3000),
	"> " + strings.Repeat("a|", 1000) + "\n> " + strings.Repeat("-|", 1000) + "\n" + strings.Repeat("> a\n", 1000),
	strings.Repeat("a", 7500) + strings.Repeat("@", 250),
	"```html\n<script>alert(1)</script>\n```",
	"<style>*{display:none}</style><meta http-equiv=refresh content='0;url=https://evil.invalid'>",
}

// Whatever somebody sends is shown as text, harms nothing and loads nothing.
func TestHostileMessages(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, eve := w.settle(t, phone, "ana", ""), w.terminal(t, "eve")
	with, err := eve.Direct(t.Context(), account.Address{Name: "ana", Host: w.Host})
	must(t, err)
	must(t, eve.Account().SetProfile(t.Context(), "<b>Eve</b>"))
	for _, text := range hostile {
		_, err := eve.Send(t.Context(), with, chat.Draft{Text: text})
		must(t, err)
	}
	_, err = eve.Send(t.Context(), with, chat.Draft{Text: "the end"})
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
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", "my own words"), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	ana.Do(reload())
	ana.reads("Hello, I am bea") // loading a page anew is not leaving it
	ana.comesBack()
	ana.Write("Passphrase", "wrong words")
	ana.Click("button", "Unlock")
	ana.Await("alert", "")
	if ana.Sees("link", "Bea") || strings.Contains(browsertest.Eval[string](ana.Page, "document.body.textContent"), "Bea") {
		t.Fatal("a locked page shows who ana talks to")
	}
	ana.Until(`document.querySelector("input[type=password]").select() ?? true`)
	ana.Insert("my own words")
	ana.Click("button", "Unlock")
	ana.Click("link", "Bea")
	ana.reads("Hello, I am bea")

	ana.Click("button", "Settings")
	ana.Click("button", "Lock and safety")
	ana.Write("Second passphrase", "their words")
	ana.Write("Confirm passphrase", "their words")
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

// heap is what lies in the memory of the page's scripts, as a snapshot in JSON.
func (p *person) heap() string {
	p.t.Helper()
	id := chromedp.FromContext(p.Context()).Target.TargetID
	ctx, detach := chromedp.NewContext(p.Context(), chromedp.WithTargetID(id), chromedp.WithDetachOnCancel())
	defer detach()
	var snapshot strings.Builder
	must(p.t, chromedp.Listen(ctx, func(event any) {
		if part, ok := event.(*heapprofiler.EventAddHeapSnapshotChunk); ok {
			snapshot.WriteString(part.Chunk)
		}
	}))
	_, err := chromedp.Call(ctx, heapprofiler.CollectGarbage, cdp.Empty{})
	must(p.t, err)
	_, err = chromedp.Call(ctx, heapprofiler.TakeHeapSnapshot, heapprofiler.TakeHeapSnapshotParams{})
	must(p.t, err)
	return snapshot.String()
}

// lockedFrom locks the page from another tab, and checks that nothing of what
// was shown or written stays: it is another page, with another worker.
func (p *person) lockedFrom(other *person, state string, secrets ...string) {
	p.t.Helper()
	before := p.workers()
	p.Until(`globalThis.before = true`)
	other.Click("button", "Lock now")
	p.Await("button", "Unlock")
	if browsertest.Eval[bool](p.Page, `"before" in globalThis`) {
		p.t.Errorf("%s: the locked page is that which was open", state)
	}
	if now := p.workers(); len(before) != 1 || len(now) != 1 || now[0] == before[0] {
		p.t.Errorf("%s: the worker that had the profile open is %s, and now there is %s", state, before, now)
	}
	rest := browsertest.Eval[string](p.Page, `document.documentElement.outerHTML + document.title + location.href + [...document.querySelectorAll("input")].map(i => i.value)`)
	for _, s := range append(secrets, "Bea", "bea@", "ana@") {
		if strings.Contains(rest, s) {
			p.t.Errorf("%s: the locked page holds %q", state, s)
		}
	}
	if left := browsertest.Eval[[]string](p.Page, `[...document.querySelectorAll("dialog, textarea, audio, video, canvas, [role=menu], [src^='blob:']")].map(e => e.outerHTML)`); len(left) > 0 {
		p.t.Errorf("%s: the locked page has %q", state, left)
	}
	heap := p.heap()
	for _, s := range append(secrets, "Hello, I am") {
		if strings.Contains(heap, s) {
			p.t.Errorf("%s: the locked page's memory holds %q", state, s)
		}
	}
	p.Write("Passphrase", "my own words")
	p.Click("button", "Unlock")
	other.Await("button", "Lock now")
}

// Whatever is open, of a locked page nothing stays.
func TestLockLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", "my own words"), w.settle(t, phone, "bea", "")
	lake := filepath.Join(t.TempDir(), "lake.png")
	must(t, os.WriteFile(lake, landscape(90, 60, 200), 0o600))
	second := &person{Page: ana.Another(), t: t, town: w, name: "ana"}
	second.Size(desktop.width, desktop.height, false)
	second.Go(w.home() + "/#/settings")
	ana.meet(bea)
	bea.Choose(`input[accept="image/*"]`, lake)
	bea.Click("button", "Send")
	conversation := browsertest.Eval[string](ana.Page, place)

	ana.Until(`document.querySelector(".picture img")?.closest("button").click() ?? document.querySelector("dialog")`)
	ana.sees(".stage img")
	ana.lockedFrom(second, "viewer")
	ana.reads("Hello, I am bea")

	ana.Choose(`input[accept="image/*"]`, lake)
	ana.sees(".card img")
	ana.Write("Message to", "a thought not sent")
	ana.shows("Draft:")
	ana.Click("button", "Actions")
	ana.Await("menuitem", "Pin")
	if heap := ana.heap(); !strings.Contains(heap, "a thought not sent") || !strings.Contains(heap, "Hello, I am bea") {
		t.Errorf("a snapshot of %d bytes lacks what is shown", len(heap))
	}
	ana.lockedFrom(second, "draft, card and menu", "a thought not sent")
	ana.Until(`document.querySelector("textarea")?.value === "a thought not sent"`)
	if ana.Sees("menuitem", "Pin") {
		t.Error("the menu is open again")
	}

	ana.Click("button", "Details of")
	ana.Click("button", "Verify")
	ana.sees(".numbers")
	ana.lockedFrom(second, "verification of a person")
	ana.Until("(location.hash = '/add/" + bea.address() + "', true)")
	ana.Await("button", "Write to "+bea.address())
	ana.lockedFrom(second, "a link to a person")
	ana.Until("(location.hash = " + quote(conversation) + ", true)")
	ana.reads("Hello, I am bea")
	ana.Press("k", chromedp.ModifierCtrl)
	ana.Await("option", "Bea")
	ana.lockedFrom(second, "palette")
}

// What people said and who they are is nowhere in what the browser keeps, nor
// in what the server has.
func TestPlaintextIsNotKept(t *testing.T) {
	t.Parallel()
	const mark = "PLAINTEXT-MARK-41e7"
	w := newTown(t)
	wire := w.record()
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "long words")
	ana.meet(bea)
	ana.say(mark)
	bea.reads(mark)
	file := filepath.Join(t.TempDir(), mark+".txt")
	must(t, os.WriteFile(file, []byte(mark), 0o600))
	ana.Choose(`input[type=file]:not([accept])`, file)
	ana.Click("button", "Send")
	bea.reads("41e7.txt")
	bea.Click("button", "41e7.txt") // what was opened stays on the device
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
	wire.lacks(t, mark, "Hello, I am")
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

// What the server knows is a table in words, with all of the answer behind it.
func TestWhatTheServerKnows(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, phone, "ana", "")
	ana.Click("button", "Settings")
	ana.Click("button", "What the server knows")
	ana.Await("rowheader", "Public keys with which others begin a conversation with you")
	facts := browsertest.Eval[string](ana.Page, `document.querySelector(".facts tbody").innerText`)
	for _, part := range []string{ana.address(), "As long as the account exists", time.Now().Format("January 2, 2006")} {
		if !strings.Contains(facts, part) {
			t.Errorf("the table lacks %q:\n%s", part, facts)
		}
	}
	if ana.Sees("heading", "Also in the answer") {
		t.Errorf("the page has no words for a part of the answer:\n%s", browsertest.Eval[string](ana.Page, `document.querySelector(".odd").innerText`))
	}
	ana.Click("DisclosureTriangle", "Show everything")
	whole := browsertest.Eval[string](ana.Page, `document.querySelector(".raw pre").textContent`)
	for _, table := range server.Tables() {
		if !strings.Contains(whole, `"table": "`+table.Name+`"`) {
			t.Errorf("%s is not in what is shown as the whole", table.Name)
		}
	}
}
