// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"strings"
	"testing"
)

// Another site can post what it likes to where programs share, as the browser
// does: people are asked where it shall go, and nothing is sent before.
func TestSitesCanOnlySuggest(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, phone, "ana", ""), w.settle(t, desktop, "bea", "")
	ana.meet(bea)
	ana.Until(`navigator.serviceWorker.controller`)
	ana.Expect("404") // the page that stands for the other site
	ana.bypassPolicy(true)
	ana.Go(strings.Replace(w.home(), "localhost", "127.0.0.1", 1) + "/elsewhere")
	ana.Until(`(() => {
		const form = document.createElement("form")
		Object.assign(form, {method: "post", enctype: "multipart/form-data", action: ` + quote(w.home()+"/share") + `})
		const text = document.createElement("input")
		Object.assign(text, {name: "text", value: "words of another site"})
		form.append(text)
		document.body.append(form)
		setTimeout(() => form.submit())
		return true
	})()`)
	ana.Await("option", "Bea")
	ana.bypassPolicy(false)
	ana.Go(w.home())
	ana.Click("link", "Bea")
	ana.say("the next message")
	bea.reads("the next message")
	bea.Until(`!document.body.innerText.includes("words of another site")`)
}
