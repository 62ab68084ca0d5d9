// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"fmt"
	"testing"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
)

// inView is whether what a CSS selector finds, with a text, is on the screen.
func inView(selector, text string) string {
	return `(() => {
		const e = [...document.querySelectorAll(` + quote(selector) + `)].find(e => e.textContent.includes(` + quote(text) + `))
		const box = document.querySelector(".timeline")?.getBoundingClientRect()
		if (!e || !box) return false
		const r = e.getBoundingClientRect()
		return r.top >= box.top - 1 && r.bottom <= box.bottom + 1
	})()`
}

// pill is the number on the button that leads to the end.
const pill = `document.querySelector(".pill .badge")?.textContent`

// What was said long ago is found, and led to; from there the end is one step
// away, and who comes back begins where they left off.
func TestSearchAndPlaces(t *testing.T) {
	t.Parallel()
	const messages = 260
	for _, s := range []screen{phoneLight, desktopDark} {
		t.Run(s.name, func(t *testing.T) {
			w := newTown(t)
			ana, ted := w.settle(t, s, "ana", ""), w.terminal(t, "ted")
			with, err := ted.Direct(t.Context(), account.Address{Name: "ana", Host: w.Host})
			must(t, err)
			tell := func(text string) {
				t.Helper()
				_, err := ted.Send(t.Context(), with, chat.Draft{Text: text})
				must(t, err)
			}
			for i := range messages {
				if i == 20 {
					tell("The key is under the third flowerpot.")
				}
				tell(fmt.Sprintf("Number %d.", i))
			}
			ana.Click("button", "Requests")
			ana.Click("link", "ted@")
			ana.Click("button", "Accept")
			ana.Until(`(document.querySelector(".pill")?.click(), ` + inView(".message", fmt.Sprintf("Number %d.", messages-1)) + `)`)
			ana.Gone("button", "To the newest message")
			ana.at("/")

			ana.WriteIn("searchbox", "Search", "FLOWERPÓT")
			ana.Click("button", "third flowerpot")
			ana.Until(inView(".message.flash", "third flowerpot"))
			for i := range 3 {
				tell(fmt.Sprintf("Meanwhile %d.", i))
			}
			ana.Until(pill + ` === "3"`)
			ana.Click("button", "To the newest message")
			ana.Until(inView(".message", "Meanwhile 2."))
			ana.Gone("button", "To the newest message")

			ana.at("/")
			ana.Click("button", "Clear")
			ana.at("/settings")
			for i := range 40 {
				tell(fmt.Sprintf("Later %d.", i))
			}
			ana.at("/")
			ana.shows("Later 39.")
			ana.Click("link", "40 unread messages")
			ana.Until(inView(".new-line", "New"))
			ana.Until(inView(".message", "Later 0."))
			ana.Click("button", "To the newest message")
			ana.Until(inView(".message", "Later 39."))
			ana.Gone("button", "To the newest message")
			ana.at("/")
			ana.Gone("link", "unread messages")
		})
	}
}
