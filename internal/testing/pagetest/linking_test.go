// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// code waits for the code that is shown, and returns it.
func (p *person) code() string {
	p.t.Helper()
	p.Until(`document.querySelector(".code-line")?.textContent.includes("/")`)
	return browsertest.Eval[string](p.Page, `document.querySelector(".code-line").textContent`)
}

// digits waits for the digits that the new device shows, and returns them.
func (p *person) digits() string {
	p.t.Helper()
	p.sees(".big-digits")
	return browsertest.Eval[string](p.Page, `document.querySelector(".big-digits").textContent`)
}

// other are digits that differ from some.
func other(digits string) string {
	if digits[0] == '9' {
		return "0" + digits[1:]
	}
	return string(digits[0]+1) + digits[1:]
}

// types fills in the digits and confirms them.
func (p *person) types(digits string) {
	p.t.Helper()
	p.Until(`(f => f && !f.readOnly && (f.focus(), f.select(), true))(document.querySelector(".digits"))`)
	p.Press(kb.Backspace)
	p.Insert(digits)
	p.Click("button", "Link the device")
}

// links makes a new page one of the person's devices, with the code of the existing one.
func (p *person) links(tablet *person, passphrase string) {
	p.t.Helper()
	p.at("/settings/devices")
	p.Click("button", "Link a device")
	code := p.code()
	tablet.Click("button", "Link this device")
	tablet.Write("Code on the other device", code)
	if passphrase != "" {
		tablet.Write("Passphrase", passphrase)
		tablet.Write("Confirm passphrase", passphrase)
	}
	tablet.Click("button", "Continue")
	tablet.shows(p.address())
	p.types(tablet.digits())
	p.shows("The device is linked")
	p.Click("button", "Done")
	tablet.Await("button", "New conversation")
}

// TestDeviceIsLinked links a tablet with the code of the first device. Its history
// arrives, what is said goes to both, and the list says which device added it.
func TestDeviceIsLinked(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea, tablet := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", ""), w.visit(t, phone, "ana")
	ana.meet(bea)
	ana.links(tablet, "on the tablet")
	ana.Until(`document.querySelectorAll(".devices li").length === 2`)
	ana.shows("This device")
	ana.shows("Created the account on " + time.Now().Format("January 2, 2006"))
	ana.shows("Added on " + time.Now().Format("January 2, 2006") + " by this device")
	if n := browsertest.Eval[int](ana.Page, `[...document.querySelectorAll(".devices .danger")].length`); n != 1 {
		t.Errorf("%d devices can be removed", n)
	}
	ana.Click("button", "Rename This device")
	ana.Write("Name of the device", "Ana’s desk")
	ana.Click("button", "Save")
	ana.shows("Ana’s desk")
	ana.shows("Browser, last used on " + time.Now().UTC().Format("January 2, 2006"))
	tablet.Click("link", "Bea")
	tablet.reads("Hello, I am bea")
	tablet.Await("textbox", "Message to Bea")
	tablet.say("From the tablet")
	bea.reads("From the tablet")
	ana.at("/")
	ana.Click("link", "Bea")
	ana.reads("From the tablet")
	bea.say("To both")
	ana.reads("To both")
	tablet.reads("To both")
	tablet.at("/settings/devices")
	tablet.shows("Ana’s desk")
	tablet.comesBack()
	tablet.unlocks("on the tablet")
	tablet.Click("link", "Bea")
	tablet.reads("To both")
}

// TestNewDeviceShowsTheCode links with the code of the new device. Wrong digits are
// counted, and a code that is none is said to be none.
func TestNewDeviceShowsTheCode(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, tablet := w.settle(t, phone, "ana", ""), w.visit(t, desktop, "ana")
	tablet.Click("button", "Link this device")
	tablet.Click("button", "Show a code here instead")
	code := tablet.code()
	ana.at("/settings/devices")
	ana.Click("button", "Link a device")
	ana.code()
	ana.Click("button", "Enter a code of the new device instead")
	ana.Write("Code on the other device", code+"x")
	ana.Click("button", "Continue")
	ana.shows("This is not a code for linking devices.")
	ana.Click("button", "Begin again")
	ana.code()
	ana.Click("button", "Enter a code of the new device instead")
	ana.Write("Code on the other device", code)
	ana.Click("button", "Continue")
	digits := tablet.digits()
	ana.types(other(digits))
	ana.shows("You have 2 more attempts.")
	ana.hasFocus(".digits")
	ana.types(other(digits))
	ana.shows("You have 1 more attempt.")
	ana.types(digits)
	ana.shows("The device is linked")
	tablet.Await("button", "New conversation")
}

// TestLinkingComesToNothing ends linkings: three times wrong digits, a cancel on either
// side. Nothing is linked, and both say why.
func TestLinkingComesToNothing(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, tablet := w.settle(t, phone, "ana", ""), w.visit(t, desktop, "ana")
	begin := func() (digits string) {
		ana.code()
		code := ana.code()
		tablet.Until(`document.querySelector("form input")?.select() ?? document.querySelector("form input") !== null`)
		tablet.Press(kb.Backspace)
		tablet.Write("Code on the other device", code)
		tablet.Click("button", "Continue")
		return tablet.digits()
	}
	tablet.Click("button", "Link this device")
	ana.at("/settings/devices")
	ana.Click("button", "Link a device")
	digits := begin()
	for range 3 {
		ana.types(other(digits))
	}
	ana.shows("The digits were wrong three times.")
	tablet.Await("alert", "")
	ana.Click("button", "Begin again")
	begin()
	tablet.Click("button", "Cancel")
	ana.shows("The other device ended this.")
	ana.Click("button", "Begin again")
	begin()
	ana.Click("button", "Cancel")
	tablet.shows("The other device ended this.")
	ana.Until(`document.querySelectorAll(".devices li").length === 1`)
	tablet.Click("button", "Back")
	tablet.Await("button", "Get started")
}

// TestInterruptedLinking reloads the new device's page while it is not known whether it
// was linked: it finds out that it was not.
func TestInterruptedLinking(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	tablet := w.visit(t, phone, "ana")
	tablet.Click("button", "Link this device")
	tablet.Click("button", "Show a code here instead")
	tablet.code()
	tablet.Expect("WebSocket connection to|net::ERR_")
	tablet.comesBack()
	tablet.Await("button", "Get started")
	tablet.Click("button", "Link this device")
	tablet.Await("button", "Show a code here instead")
}

// TestRemovedDevice removes a device: it says so, sends nothing any more, can be read, and
// erases itself when its owner wants that.
func TestRemovedDevice(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea, tablet := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", ""), w.visit(t, phone, "ana")
	ana.meet(bea)
	ana.links(tablet, "")
	tablet.Click("link", "Bea")
	tablet.reads("Hello, I am bea")
	ana.Click("button", "Remove Device")
	ana.shows("What it already has stays on it.")
	ana.Click("button", "Remove")
	ana.shows("The device is removed")
	ana.Click("DisclosureTriangle", "1 removed device")
	ana.shows("Removed on " + time.Now().Format("January 2, 2006"))
	tablet.shows("This device was removed from your account on " + time.Now().Format("January 2, 2006"))
	tablet.reads("Hello, I am bea")
	tablet.Until(`!document.querySelector("textarea")`)
	tablet.Click("button", "Keep reading")
	tablet.Gone("button", "Keep reading")
	tablet.shows("Erase it, or link it as a new one.")
	tablet.comesBack()
	tablet.Click("button", "Erase it")
	tablet.Click("button", "Erase everything")
	tablet.Await("button", "Get started")
}

// TestRemovedWithDescendants removes a device and the one that it added.
func TestRemovedWithDescendants(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, tablet, stranger := w.settle(t, desktop, "ana", ""), w.visit(t, phone, "ana"), w.visit(t, phone, "ana")
	ana.links(tablet, "")
	tablet.links(stranger, "")
	ana.Until(`document.querySelectorAll(".devices li").length === 3`)
	ana.Until(`(document.querySelector(".devices .danger").click(), true)`)
	ana.shows("It added other devices")
	ana.Click("button", "Remove")
	ana.Await("DisclosureTriangle", "2 removed devices")
	tablet.Await("button", "Keep reading")
	stranger.Await("button", "Keep reading")
}

// TestRecoveryKeyBringsAccountBack comes back with the recovery key alone, after wrong ones.
func TestRecoveryKeyBringsAccountBack(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea, next := w.visit(t, desktop, "ana"), w.settle(t, desktop, "bea", ""), w.visit(t, phone, "ana")
	key := ana.noted("")
	ana.meet(bea)
	ana.at("/settings/security")
	ana.Click("button", "Replace the key")
	ana.enters(key, "Continue")
	second := ana.shownKey()
	ana.Click("button", "Continue")
	ana.Await("textbox", "New recovery key")
	ana.enters(second, "Replace the key")
	ana.shows("Your recovery key is replaced")
	ana.Click("button", "Done")
	ana.comesBack()
	ana.Await("link", "Bea")
	ana.Until(`performance.now() > 33000`) // what the server keeps for the recovery is stored after half a minute
	ana.at("/settings/server")
	ana.Await("rowheader", "What brings your contacts and conversations back")
	ana.at("/settings/security")
	ana.Click("button", "Erase everything")
	ana.Click("button", "Erase everything")
	ana.Await("button", "Get started")

	next.Click("button", "Use a recovery key")
	next.Write("Your address", ana.address())
	next.enters(otherKey(t), "Get my account back")
	next.shows("This was never a key of your account.")
	next.enters(key, "Get my account back")
	next.shows("This key was replaced on " + time.Now().Format("January 2, 2006"))
	next.enters(second, "Get my account back")
	next.Await("button", "New conversation")
	next.Click("link", "Bea")
	next.say("I am back")
	bea.reads("I am back")
	bea.say("Welcome back")
	next.reads("Welcome back")
	next.at("/settings/devices")
	next.shows("Added on " + time.Now().Format("January 2, 2006") + " with the recovery key")
}

// TestNotesToSelf writes notes, by the row for them and by the own address.
func TestNotesToSelf(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, desktop, "ana", "")
	ana.Click("button", "New conversation")
	ana.Click("button", "Note to self")
	ana.say("buy milk")
	ana.at("/")
	ana.Await("link", "Note to self")
	ana.Click("button", "New conversation")
	ana.Write("Name or address", ana.address())
	ana.Click("button", "Write to")
	ana.reads("buy milk")
	ana.Click("button", "Details of Note to self")
	ana.shows("Only your own devices can read it.")
	for _, name := range []string{"Verify", "Block", "Delete conversation"} {
		if ana.Sees("button", name) {
			t.Errorf("notes can be met with %q", name)
		}
	}
}
