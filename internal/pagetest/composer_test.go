// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// field tells whether the field has a text.
func field(text string) string { return `document.querySelector("textarea").value === ` + quote(text) }

// Whom the list offers is mentioned where the cursor is, and only while it is there.
func TestMentionsFollowTheCursor(t *testing.T) {
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.found("Choir", bea)
	ana.Write("Message to", "hello ")
	ana.Insert("@b")
	ana.Await("option", "Bea")
	ana.Press(kb.Home)
	ana.Until(`!document.querySelector(".mention-option")`)
	ana.Press(kb.End)
	ana.Insert("e")
	ana.Await("option", "Bea")
	ana.Until(`(document.querySelector("textarea").setSelectionRange(0, 0), true)`)
	ana.Press(kb.Enter)
	ana.Until(`document.querySelector("textarea").value.trim() === "hello @be"`)
	ana.Click("button", "Send")
	ana.reads("hello @be")

	ana.Write("Message to", "@b")
	ana.Await("option", "Bea")
	ana.Until(`document.querySelector("textarea").dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", isComposing: true, bubbles: true, cancelable: true}))`)
	ana.Until(field("@b"))
	ana.Until(`(document.querySelector("textarea").blur(), true)`)
	ana.Until(`!document.querySelector(".mention-option")`)
}

// The arrow that leads to other conversations edits nothing.
func TestArrowsWithModifiers(t *testing.T) {
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	ana.hasFocus("textarea")
	ana.Press(kb.ArrowUp, chromedp.ModifierAlt)
	ana.Until(`new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r(!document.querySelector(".above")))))`)
	ana.Press(kb.ArrowUp)
	ana.sees(".above")
}
