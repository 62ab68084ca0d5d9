// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/page"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// A message goes on to another conversation with its files, below the draft.
func TestForward(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea, cid := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", ""), w.settle(t, phoneLight, "cid", "")
	ana.meet(bea)
	ana.writeTo(cid.address(), "Hello Cid")
	ana.Write("Message to", "by the way")
	ana.Click("link", "Bea")
	file := filepath.Join(t.TempDir(), "minutes.txt")
	must(t, os.WriteFile(file, []byte("what was decided"), 0o600))
	bea.Choose(`input[type=file]:not([accept])`, file)
	bea.writes("read this")
	ana.reads("read this")
	ana.act("read this", "Forward")
	ana.WriteIn("combobox", "Send to", "cid")
	ana.Press("\r")
	ana.shows("minutes.txt")
	ana.Until(`document.querySelector("textarea").value === "by the way\n\nread this"`)
	ana.Click("button", "Send")
	cid.Click("button", "Requests")
	cid.Click("link", "Ana")
	cid.reads("by the way")
	cid.reads("minutes.txt")
}

// share hands something to the application as another program does: the
// browser posts it to the address that the manifest names.
func (p *person) share(text, name, content string) {
	p.t.Helper()
	p.bypassPolicy(true) // which forbids the page itself to post anything
	p.Do(reload())
	p.Until(`navigator.serviceWorker.controller`)
	p.Until(`(async () => {
		const form = new FormData()
		form.set("title", ` + quote(text) + `)
		form.set("text", ` + quote(text) + `)
		if (` + quote(name) + `) form.set("files", new File([` + quote(content) + `], ` + quote(name) + `, {type: "text/plain"}))
		await fetch("/share", {method: "POST", body: form, redirect: "manual"})
		return true
	})()`)
	p.bypassPolicy(false)
	p.Go(p.town.home() + "/share")
}

// bypassPolicy lets pages that are loaded from now on do what their policy forbids.
func (p *person) bypassPolicy(on bool) {
	p.t.Helper()
	browsertest.Call(p.Page, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: on})
}

// What another program shares waits for the passphrase, goes to the
// conversation that is chosen, and to the server not at all.
func TestShareTarget(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	wire := w.record()
	ana, bea := w.settle(t, phone, "ana", "long words"), w.settle(t, desktop, "bea", "")
	ana.meet(bea)
	ana.share("shared-MARK-words", "shared.txt", "shared-MARK-content")
	ana.Click("option", "Bea")
	ana.shows("shared.txt")
	ana.Until(`document.querySelector("textarea").value === "shared-MARK-words"`)
	ana.Click("button", "Send")
	bea.reads("shared-MARK-words")
	bea.reads("shared.txt")

	ana.Go(w.home() + "/#/settings")
	ana.Click("button", "Lock now")
	ana.Await("button", "Unlock")
	ana.share("waits for the passphrase", "", "")
	ana.Write("Passphrase", "long words")
	ana.Click("button", "Unlock")
	ana.Click("option", "Bea")
	ana.Click("button", "Send")
	bea.reads("waits for the passphrase")

	ana.Go(w.home() + "/share")
	ana.shows("did not arrive")
	wire.lacks(t, "shared-MARK")
}
