// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"testing"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// Notifications go when their conversation is read and when the page is locked, and none come while another tab is looked at.
func TestNotificationsAreTakenBack(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, desktop, "bea", "long words")
	ana.meet(bea)
	at := browsertest.Eval[string](bea.Page, place)
	bea.Permit("notifications", true)
	bea.Go(w.home() + "/#/settings/notifications")
	bea.Until(`navigator.serviceWorker.ready.then(() => true)`)
	bea.Until(`(() => { const s = document.querySelector("select"); if (!s) return false; s.value = "full"; return s.dispatchEvent(new Event("change", {bubbles: true})) })()`)
	bea.Until(`document.querySelector("select").value === "full"`)
	count := func(n string) { t.Helper(); bea.Until(notifications + `.then(n => n.length === ` + n + `)`) }

	bea.hides(true)
	ana.say("one")
	count("1")
	bea.hides(false)
	count("1")
	bea.at(at)
	bea.reads("one")
	count("0")

	bea.hides(true)
	ana.say("two")
	count("1")
	second := &person{Page: bea.Another(), t: t, town: w, name: "bea"}
	second.Size(desktop.width, desktop.height, false)
	second.Go(w.home() + "/#/settings")
	second.Await("button", "Lock now")
	count("1")
	second.Click("button", "Lock now")
	bea.Await("button", "Unlock")
	count("0")

	second.Write("Passphrase", "long words")
	second.Click("button", "Unlock")
	second.Await("button", "Lock now")
	bea.reads("two")
	ana.say("three")
	bea.reads("three")
	second.Until(`new Promise(r => setTimeout(() => r(true), 1000))`)
	if n := browsertest.Eval[[]string](bea.Page, notifications); len(n) != 0 {
		t.Errorf("a tab tells of what another one shows: %q", n)
	}
}
