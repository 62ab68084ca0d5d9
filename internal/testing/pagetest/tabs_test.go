// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

const elsewhere = "SecureCrypt is open in another tab"

// alone takes from a page what lets tabs share a worker.
func alone(p *browsertest.Page) {
	browsertest.Call(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: "delete globalThis.SharedWorker"})
}

// Where browsers have no shared workers, one tab works at a time, says so, and
// hands over when it is asked to.
func TestOneTabAtATime(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.terminal(t, "ted")
	first := &person{browsertest.Open(t), t, w, "ana"}
	tab := func() *person {
		p := &person{Page: first.Another(), t: t, town: w, name: "ana"}
		alone(p.Page)
		p.Size(desktop.width, desktop.height, false)
		return p
	}
	alone(first.Page)
	first.Size(desktop.width, desktop.height, false)
	first.Go(w.home())
	first.create("")
	first.writeTo("ted@"+w.Host, "from the first tab")
	first.Write("Message to", "half a thought")

	second := tab()
	second.Go(w.home())
	second.shows(elsewhere)
	second.Click("button", "Use it here")
	first.shows(elsewhere)
	if first.Sees("link", "ted@") || first.Sees("textbox", "Message to") {
		t.Error("who made way still shows conversations")
	}
	second.Click("link", "ted@")
	second.Until(`document.querySelector("textarea")?.value === "half a thought"`)
	second.Until(`(document.querySelector("textarea").select(), true)`)
	second.say("from the second tab")

	first.Click("button", "Use it here")
	second.shows(elsewhere)
	first.reads("from the second tab")

	// Who goes elsewhere leaves the store, though the browser keeps the page.
	first.Go("about:blank")
	third := tab()
	third.Go(w.home())
	third.Click("link", "ted@")
	third.say("from the third tab")
	past := browsertest.Call(first.Page, page.GetNavigationHistory, cdp.Empty{})
	browsertest.Call(first.Page, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: past.Entries[past.CurrentIndex-1].ID})
	first.shows(elsewhere)
	first.Click("button", "Use it here")
	first.reads("from the third tab")
	third.shows(elsewhere)
}
