// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// spill is what of a page lies beside the screen, or is cut off where nothing
// tells of it. Code, tables and what waits to be sent may be wider: they scroll.
const spill = `(() => {
	const width = document.documentElement.clientWidth, found = []
	const name = e => e.tagName.toLowerCase() + "." + String(e.className?.baseVal ?? e.className).trim().replace(/\s+/g, ".") + " " + e.textContent.slice(0, 40)
	const free = ".markdown pre, .markdown .table, .cards, .raw pre, .odd pre, .visually-hidden, .skip, .clip *, .facts thead, .pulled, .slot"
	if (document.scrollingElement.scrollWidth > width) found.push("the page scrolls sideways: " + document.scrollingElement.scrollWidth + " of " + width)
	for (const e of document.querySelectorAll("body *")) {
		if (e.closest(free) || !e.checkVisibility({visibilityProperty: true})) continue
		const box = e.getBoundingClientRect(), style = getComputedStyle(e)
		if (!box.width || !box.height) continue
		if ((box.right > width + 1 || box.left < -1) && !e.closest("svg:not(:root) *, video")) found.push("beside the screen, " + Math.round(box.left) + " to " + Math.round(box.right) + ": " + name(e))
		else if (e.scrollWidth > e.clientWidth + 1 && style.overflowX !== "visible" && style.textOverflow !== "ellipsis" && !e.matches("textarea, select, .scanner, .stage")) found.push("wider than its room by " + (e.scrollWidth - e.clientWidth) + ": " + name(e))
	}
	return found.slice(0, 6).join("\n    ")
})()`

// tiny is what fingers miss: narrower or lower than 44 pixels, though not a
// link among words. An area laid around a thing counts as part of it.
const tiny = `(() => {
	const found = []
	for (const e of document.querySelectorAll("button, a[href], input, select, textarea, summary, [role=menuitem], [role=option]")) {
		const target = e.matches("[type=checkbox]") ? e.closest("label") : e
		if (e.matches(".markdown a, .skip, [hidden]") || !target.checkVisibility({visibilityProperty: true, opacityProperty: false})) continue
		const box = target.getBoundingClientRect(), around = getComputedStyle(target, "::after")
		let {width, height} = box
		if (!width || !height) continue
		if (around.content !== "none" && around.position === "absolute") {
			width = Math.max(width, parseFloat(around.width) || 0)
			height = Math.max(height, parseFloat(around.height) || 0)
		}
		if (width < 43.5 || height < 43.5) found.push(Math.round(width) + " by " + Math.round(height) + ": " + (e.ariaLabel ?? e.textContent).slice(0, 40) + " " + String(e.className))
	}
	return found.slice(0, 6).join("\n    ")
})()`

// fits checks that a screen fits on the smallest phones and with the largest
// text, and that fingers hit what is on it.
func (p *person) fits(name string) {
	p.t.Helper()
	check := func(where, what string) {
		p.settleDown()
		if found := browsertest.Eval[string](p.Page, what); strings.TrimSpace(found) != "" {
			p.t.Errorf("%s, %s:\n    %s", name, where, found)
		}
	}
	p.Size(390, 844, true)
	check("too small for a finger", tiny)
	p.Size(320, 640, true)
	check("on 320 pixels", spill)
	p.Until(root + `.style.setProperty("--root-size", "200%") ?? true`)
	p.Size(390, 844, true)
	check("with text of 200 %", spill)
	p.Until(root + `.style.setProperty("--root-size", "100%") ?? true`)
	p.Size(desktop.width, desktop.height, desktop.touch)
}

// With the largest text on the smallest screen, a request can be answered, and
// rows have names.
func TestLargestTextOnSmallestScreen(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, ted := w.settle(t, phoneLight, "ana", ""), w.terminal(t, "ted")
	must(t, ted.Account().SetProfile(t.Context(), "Wolfgang Amadeus Mozart von und zu Salzburg in Oesterreich-Ungarn"))
	with, err := ted.Direct(t.Context(), account.Address{Name: "ana", Host: w.Host})
	must(t, err)
	_, err = ted.Send(t.Context(), with, chat.Draft{Text: "Hello ana"})
	must(t, err)
	ana.Click("button", "Requests")
	ana.Click("link", "Wolfgang")
	ana.reads("Hello ana")
	ana.Size(320, 640, true)
	ana.Until(root + `.style.setProperty("--root-size", "200%") ?? true`)
	ana.Until(`(() => {
		const b = [...document.querySelectorAll("button")].find(b => b.textContent === "Accept")
		b.scrollIntoView()
		const box = b.getBoundingClientRect()
		return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)?.closest("button") === b
	})()`)
	ana.Click("button", "Accept")
	ana.Await("textbox", "Message to")
	ana.at("/")
	ana.Until(`document.querySelector(".side a.row .name").clientWidth > 100`)
}
