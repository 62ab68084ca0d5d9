// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// hasFocus waits until what a CSS selector finds has the focus.
func (p *person) hasFocus(selector string) {
	p.t.Helper()
	p.Until("document.activeElement?.matches(" + quote(selector) + ")")
}

// Whatever had the focus may go; the focus stays in what takes its place.
func TestFocusIsNotLost(t *testing.T) {
	t.Parallel()
	for _, s := range []screen{phone, desktop} {
		w := newTown(t)
		ana, bea := w.settle(t, s, "ana", ""), w.settle(t, phoneLight, "bea", "")
		ana.meet(bea)
		ana.Allow("microphone")
		if s.touch {
			ana.Click("button", "Back")
			ana.hasFocus(".side .row, .side h1")
			ana.Click("link", "Bea")
			ana.hasFocus("#main h1")
		}
		ana.Click("button", "Record a voice message")
		ana.hasFocus(".recording .send")
		ana.Click("button", "Cancel")
		ana.hasFocus("textarea")
		ana.Click("button", "Details of")
		ana.Click("button", "Verify")
		ana.Press(kb.Escape)
		ana.hasFocus(".details button")
		ana.at("/")
		ana.Click("button", "Settings")
		ana.hasFocus(".side h1")
		ana.at("/")
		ana.Click("button", "New conversation")
		ana.hasFocus(".side input")
		ana.Click("button", "New group")
		ana.hasFocus(".side input")
	}
}
