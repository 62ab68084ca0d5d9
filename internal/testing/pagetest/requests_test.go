// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"testing"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// holds reports whether the page has a text anywhere, seen or not.
func (p *person) holds(text string) bool {
	p.t.Helper()
	return browsertest.Eval[bool](p.Page, "document.body.textContent.includes("+quote(text)+")")
}

// A request that is deleted is gone; who is blocked is not heard, and is heard
// again once they are let back.
func TestRequests(t *testing.T) {
	t.Parallel()
	for _, screens := range [][2]screen{{phoneLight, desktop}, {desktopDark, phone}} {
		t.Run(screens[0].name+" and "+screens[1].name, func(t *testing.T) {
			w := newTown(t)
			ana, eve, ted := w.settle(t, screens[0], "ana", ""), w.settle(t, screens[1], "eve", ""), w.terminal(t, "ted")
			with, err := ted.Direct(t.Context(), account.Address{Name: "ana", Host: w.Host})
			must(t, err)
			_, err = ted.Send(t.Context(), with, chat.Draft{Text: "buy my boat"})
			must(t, err)
			ana.Click("button", "Requests")
			ana.Click("link", "ted@")
			ana.reads("buy my boat")
			ana.Click("button", "Delete")
			ana.Click("button", "Delete")
			ana.shows("No conversations yet")

			eve.writeTo(ana.address(), "it is urgent")
			ana.Click("button", "Requests")
			ana.Click("link", "Eve")
			ana.reads("it is urgent")
			ana.Click("button", "Block")
			ana.shows("They are not told.")
			ana.Click("button", "Block")
			ana.shows("You blocked")
			ana.Gone("textbox", "Message to")
			eve.say("answer me at once")
			eve.Until(`[...document.querySelectorAll(".message.own")].at(-1).querySelector('[aria-label="Sent"]')`)
			ana.Do(reload())
			ana.shows("You blocked")
			if ana.holds("answer me at once") {
				t.Error("who was blocked is still heard")
			}
			// Who was declined is not told, and not heard.
			_, err = ted.Send(t.Context(), with, chat.Draft{Text: "a cheaper boat"})
			must(t, err)
			must(t, ted.WaitUntilSent(t.Context(), with))
			if ana.holds("a cheaper boat") {
				t.Error("who was declined is still heard")
			}

			ana.Click("button", "Unblock")
			ana.say("let us be calm")
			eve.at("/")
			eve.Click("link", "let us be calm")
			eve.say("I am calm")
			ana.reads("I am calm")
		})
	}
}
