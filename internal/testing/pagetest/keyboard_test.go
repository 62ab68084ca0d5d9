// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// mostTabs is how often the Tab key may be needed to get anywhere.
const mostTabs = 60

// tab presses Tab until the focus is on something of that name.
func (p *person) tab(name string) {
	p.t.Helper()
	browsertest.Call(p.Page, page.BringToFront, cdp.Empty{}) // of several windows, one has the keyboard
	var seen []string
	for range mostTabs {
		got := browsertest.Eval[string](p.Page, `(() => {
			const e = document.activeElement
			return e === document.body ? "" : e.getAttribute("aria-label") ?? e.labels?.[0]?.textContent ?? e.placeholder ?? e.textContent ?? ""
		})()`)
		if len(name) <= len(got) && got[:len(name)] == name {
			if !browsertest.Eval[bool](p.Page, `document.activeElement.matches(":focus-visible")`) {
				p.t.Errorf("nobody sees that %q has the focus", name)
			}
			return
		}
		seen = append(seen, got)
		p.Press(kb.Tab)
	}
	p.t.Fatalf("%q cannot be reached with the keyboard: %q", name, seen)
}

// Everything works without a mouse.
func TestKeyboardAlone(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	bea := w.settle(t, phone, "bea", "")
	ana := w.visit(t, desktop, "ana")
	ana.Await("button", "Get started")
	ana.tab("Get started")
	ana.Press(kb.Enter)
	ana.Await("textbox", "Your name")
	ana.tab("Your name")
	ana.Insert("Ana")
	ana.tab("Passphrase")
	ana.Insert("my words")
	ana.tab("Confirm passphrase")
	ana.Insert("my words")
	ana.tab("Create account")
	ana.Press(kb.Enter)
	ana.Await("checkbox", "I have written it down")
	ana.tab("I have written it down")
	ana.Press(" ")
	ana.tab("Continue")
	ana.Press(kb.Enter)

	ana.Await("button", "New conversation")
	ana.tab("New conversation")
	ana.Press(kb.Enter)
	ana.Await("button", "New group")
	ana.tab("New group")
	ana.Press(kb.Enter)
	ana.Await("textbox", "Name of the group")
	ana.tab("Name of the group")
	ana.Insert("Keys")
	ana.tab("Name or address")
	ana.Insert(bea.address())
	ana.Await("button", bea.address())
	ana.tab("B") // the avatar's letter comes first
	ana.Press(kb.Enter)
	ana.tab("Create with 1 person")
	ana.Press(kb.Enter)
	ana.Await("textbox", "Message to Keys")
	ana.tab("Message to Keys")
	ana.Insert("typed by hand")
	ana.Press(kb.Enter, chromedp.ModifierCtrl)
	ana.reads("typed by hand")

	bea.Click("button", "Requests")
	bea.Click("link", "Keys")
	bea.Click("button", "Accept")
	bea.say("an answer")
	ana.reads("an answer")

	ana.Press(kb.Tab, chromedp.ModifierShift)
	ana.focusOn(".message:last-of-type")
	ana.Press("r")
	ana.shows("Reply to Bea")
	ana.tab("Message to Keys")
	ana.Insert("and a reply")
	ana.Press(kb.Enter, chromedp.ModifierCtrl)
	bea.Until(`document.querySelector(".message.other .quote")?.textContent.includes("an answer")`)

	ana.Press("k", chromedp.ModifierCtrl)
	ana.Await("combobox", "Find")
	ana.Insert("lock now")
	ana.Press(kb.Enter)
	ana.Await("textbox", "Passphrase")
	ana.tab("Passphrase")
	ana.Insert("my words")
	ana.Press(kb.Enter)
	ana.Await("link", "Keys")
	ana.tab("Search")
	ana.Insert("by hand")
	ana.shows("typed by hand")
}

// focusOn moves through a list with the arrow keys until something has the
// focus.
func (p *person) focusOn(selector string) {
	p.t.Helper()
	for range mostTabs {
		if browsertest.Eval[bool](p.Page, "document.activeElement.matches("+quote(selector)+")") {
			return
		}
		p.Press(kb.Tab, chromedp.ModifierShift)
	}
	p.t.Fatalf("%s cannot be reached with the keyboard", selector)
}
