// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"testing"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// What is deleted leaves answers to it, what was to answer it, what was found
// and what the system tells.
func TestDeletedIsNowhere(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, desktop, "bea", "")
	ana.meet(bea)
	at := browsertest.Eval[string](bea.Page, place)
	bea.Permit("notifications", true)
	bea.Go(w.home() + "/#/settings/notifications")
	bea.Until(`navigator.serviceWorker.ready.then(() => true)`)
	bea.choose("select", "full")
	bea.at("/")
	bea.sees(".side .find")
	bea.at(at)
	bea.reads("Hello, I am ana")

	ana.say("the code is 4711")
	bea.reads("4711")
	bea.act("4711", "Reply")
	bea.say("so it is")
	bea.actOnAnswered("Reply")
	bea.WriteIn("searchbox", "Search", "4711")
	bea.Until(`[...document.querySelectorAll(".side button.row")].some(r => r.innerText.includes("4711"))`)
	ana.reads("so it is")
	ana.actOnAnswered("Delete")
	ana.Click("button", "Delete")
	bea.Until(`document.querySelector(".quote")?.innerText.includes("This message was deleted")`)
	bea.Until(`!document.querySelector(".above") && !document.body.textContent.includes("4711")`)

	bea.hides(true)
	ana.say("the other code is 4712")
	bea.Until(notifications + `.then(n => n.length === 1)`)
	ana.act("4712", "Delete")
	ana.Click("button", "Delete")
	bea.Until(notifications + `.then(n => n.length === 0)`)
}

// actOnAnswered is act for the message that the last one answers.
func (p *person) actOnAnswered(action string) {
	p.t.Helper()
	p.Until(`[...document.querySelectorAll(".message")].at(-2).querySelector(".bubble").dispatchEvent(new MouseEvent("contextmenu", {bubbles: true, cancelable: true})) || true`)
	p.Click("menuitem", action)
}
