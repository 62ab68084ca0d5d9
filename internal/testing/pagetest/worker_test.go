// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"testing"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// workers are those in which the browser runs the core.
func (p *person) workers() (ids []target.ID) {
	p.t.Helper()
	for _, info := range browsertest.Call(p.Page, target.GetTargets, target.GetTargetsParams{Filter: target.Filter{{Type: "shared_worker"}}}).TargetInfos {
		if info.BrowserContextID == chromedp.FromContext(p.Context()).BrowserContextID {
			ids = append(ids, info.TargetID)
		}
	}
	return ids
}

// A worker that is ended, as by a system that has no memory left, is told at
// once, and nothing is lost with it.
func TestWorkerIsEnded(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktopDark, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	ana.Write("Message to", "half a thought")
	ana.shows("Draft:")
	ctx, detach := chromedp.NewContext(ana.Context(), chromedp.WithTargetID(ana.workers()[0]), chromedp.WithDetachOnCancel())
	_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`(setTimeout(close, 500), true)`))
	detach()
	must(t, err)
	ana.Click("button", "Try again")
	ana.reads("Hello, I am bea")
	ana.Until(`document.querySelector("textarea")?.value === "half a thought"`)
	ana.Click("button", "Send")
	bea.reads("half a thought")
}

// The worker of a closed page ends once nobody has come back.
func TestWorkerEndsAfterTheLastPage(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, desktop, "ana", "my own words")
	second := ana.Another()
	before := ana.workers()
	ana.Go("about:blank")
	second.Until(`new Promise(r => setTimeout(() => r(true), 1000))`)
	if now := ana.workers(); len(now) != 1 || now[0] != before[0] {
		t.Errorf("at once there is %s, not %s", now, before)
	}
	for len(ana.workers()) > 0 { // as long as the test may take
		second.Until(`new Promise(r => setTimeout(() => r(true), 200))`)
	}
	ana.Go(w.home())
	ana.unlocks("my own words")
	ana.Await("button", "New conversation")
}

// What the core cannot understand fails the page that asked, and no other.
func TestMalformedMessagesHarmNobody(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, desktop, "ana", "")
	ana.Expect("understands|start over|cannot start")
	other := ana.Another()
	for _, message := range []string{
		`{kind: "call", id: 9991, name: "settings", params: {}}`,
		`{kind: "call", id: 9991, name: "send", params: {conversation: "", files: [{name: "a", type: ""}]}, files: [{}]}`,
		`{kind: "call", id: 9991, name: {}, params: null, files: []}`,
		`{kind: "what", id: 9991}`,
		`{kind: "call", id: 9991, name: "settings", params: (() => { const c = {}; c.c = c; return c })(), files: []}`,
		`null`,
	} {
		other.Go(w.home())
		other.Await("button", "New conversation")
		other.Until(`(securecryptLine.early.port.postMessage(` + message + `), true)`)
	}
	ana.Click("button", "Settings")
	ana.Click("button", "What the server knows")
	ana.Await("rowheader", "Public keys with which others begin a conversation with you")
}

// Whoever deletes the store behind a page's back is told what happened, and can begin anew.
func TestStoreIsDeleted(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, phoneLight, "ana", "")
	ana.Until(`new Promise(done => { indexedDB.deleteDatabase("securecrypt").onsuccess = () => done(true) })`)
	ana.shows("is gone")
	if ana.Sees("button", "Erase everything") {
		t.Error("a core that has ended is asked to erase")
	}
	ana.Click("button", "Try again")
	ana.Await("button", "Erase everything")
	ana.shows("is gone")
	ana.Click("button", "Erase everything")
	ana.shows("you need the recovery key to use the account again")
	ana.Until(`(document.querySelector("dialog button.danger").click(), true)`)
	ana.Await("button", "Get started")
}

// A tab that would have to wait for another build's says so.
func TestStoreIsInUse(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, desktop, "ana", "my own words")
	ana.comesBack()
	ana.Await("button", "Unlock")
	ana.Until(`new Promise(held => navigator.locks.request("securecrypt store securecrypt", () => { held(true); return new Promise(free => globalThis.free = free) }))`)
	ana.unlocks("my own words")
	ana.shows("open in another tab or window")
	ana.Until(`(free(), true)`)
	ana.unlocks("my own words")
	ana.Await("button", "New conversation")
}
