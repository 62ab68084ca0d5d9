// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"regexp"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// asks fills the address of somebody new in, and reads what comes of it.
func (p *person) asks(address, answer string) {
	p.t.Helper()
	p.Until(`document.querySelector(".side form input").select() ?? true`)
	p.Press(kb.Backspace)
	p.Write("Name or address", address)
	p.Press(kb.Enter)
	p.Until(`document.querySelector(".side [role=alert]")?.innerText.includes(` + quote(answer) + `)`)
}

// Who is led to the page by somebody's link ends at writing to them, with an
// address that says nothing.
func TestLinkAndRandomAddress(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, desktop, "ana", "")
	bea := w.visit(t, phone, "bea")
	bea.Go(w.home() + "/#/add/" + ana.address())
	bea.shows(ana.address() + " invites you to talk.")
	bea.Click("button", "Get started")
	bea.Click("button", "Create account")
	bea.Click("checkbox", "I have written it down")
	bea.Click("button", "Continue")
	bea.Click("button", "Write to "+ana.address())
	bea.say("Hello from nobody")
	bea.at("/settings")
	bea.Until(`document.querySelector(".profile .ltr")`)
	address := browsertest.Eval[string](bea.Page, `document.querySelector(".profile .ltr").textContent`)
	if !regexp.MustCompile(`^[a-z0-9-]{8,32}@`).MatchString(address) {
		t.Errorf("the address is %q", address)
	}
	ana.at("/requests")
	ana.Click("link", address)
	ana.reads("Hello from nobody")
	ana.Click("button", "Accept")
	ana.say("Hello nobody")
	bea.at("/")
	bea.shows("Hello nobody")

	ana.Go(w.home() + "/#/add/" + address)
	ana.Click("button", "Write to "+address)
	ana.reads("Hello from nobody")
}

// Whatever cannot be is told where it was asked for, with what to do.
func TestMistakenAddresses(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.terminal(t, "ted")
	ana := w.visit(t, phoneLight, "ted")
	ana.Click("button", "Get started")
	ana.Click("DisclosureTriangle", "More options")
	ana.Write("Address", "Ted!")
	ana.Click("button", "Create account")
	ana.Until(`document.querySelector("input[pattern]").matches(":invalid") && document.querySelector("input[pattern]").title.includes("2 to 32")`)
	ana.Press(kb.Backspace)
	ana.Click("button", "Create account")
	ana.shows("That address is taken. Choose another one.")
	ana.Until(`document.querySelector("input[pattern]").select() ?? true`)
	ana.Insert("ana")
	ana.Click("button", "Create account")
	ana.Click("checkbox", "I have written it down")
	ana.Click("button", "Continue")

	ana.Click("button", "New conversation")
	ana.asks("some body", "An address looks like name@server.")
	ana.asks("somebody", "Nobody has this address. Check its spelling.") // on the own server
	ana.asks("nobody@"+w.Host, "Nobody has this address. Check its spelling.")
}
