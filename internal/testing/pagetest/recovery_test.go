// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// A recovery key that was not noted yet is not lost to a slip: it is shown until it is.
func TestRecoveryKeyIsNotLostToASlip(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.visit(t, phone, "ana")
	ana.begins("my own words")
	ana.shows("If you lose all your devices, it alone brings your account back.")
	key := browsertest.Eval[string](ana.Page, `document.querySelector(".recovery").textContent`)
	ana.Do(reload())
	ana.Until(`document.querySelector(".recovery")?.textContent === ` + quote(key))
	ana.comesBack()
	ana.unlocks("my own words")
	ana.Until(`document.querySelector(".recovery")?.textContent === ` + quote(key))
	ana.Click("checkbox", "I have written it down")
	ana.Click("button", "Continue")
	ana.Await("button", "New conversation")
	ana.Do(reload())
	ana.Await("button", "New conversation")
}

// A recovery key that was copied leaves the clipboard after a minute, unless
// something else is there by then.
func TestCopiedRecoveryKeyIsTakenBack(t *testing.T) {
	w := newTown(t)
	ana := w.visit(t, phone, "ana")
	ana.Permit("clipboard-read", true)
	ana.Permit("clipboard-write", true)
	// The minute passes when the test says so.
	browsertest.Eval[bool](ana.Page, `(window.minute = [], window.setTimeout = ((real) => (fn, ms, ...more) => ms === 60000 ? minute.push(fn) : real(fn, ms, ...more))(setTimeout), true)`)
	ana.begins("my own words")
	const clipboard = `navigator.clipboard.readText()`
	for _, other := range []string{"", "something else"} {
		ana.Click("button", "Copy")
		ana.Until(clipboard + `.then(text => text.length > 30)`)
		if other != "" {
			browsertest.Eval[bool](ana.Page, `navigator.clipboard.writeText(`+quote(other)+`).then(() => true)`)
		}
		ana.Until(`(minute.splice(0).forEach(fn => fn()), ` + clipboard + `.then(text => text === ` + quote(other) + `))`)
	}
}

// A passphrase that is easy to guess is said to be, and taken.
func TestWeakPassphrasesAreSaid(t *testing.T) {
	t.Parallel()
	const said = "Easy to guess"
	w := newTown(t)
	ana := w.visit(t, desktop, "ana")
	ana.Click("button", "Get started")
	ana.Write("Passphrase", "Summer2024!")
	ana.shows(said)
	ana.Insert(" die gelbe Lampe singt leise")
	ana.Until(`!document.body.innerText.includes(` + quote(said) + `)`)
	bea := w.visit(t, desktop, "bea")
	bea.begins("1")
}

// noted makes an account called after the person, and returns its recovery key.
func (p *person) noted(passphrase string) string {
	p.t.Helper()
	p.begins(passphrase)
	key := p.shownKey()
	p.Click("checkbox", "I have written it down")
	p.Click("button", "Continue")
	p.Await("button", "New conversation")
	return key
}

// shownKey waits for a recovery key in the page, and returns it.
func (p *person) shownKey() string {
	p.t.Helper()
	p.sees(".recovery")
	return browsertest.Eval[string](p.Page, `document.querySelector(".recovery").textContent`)
}

// enters types a recovery key into the field for it in front, in the place of what is
// there, and clicks a button.
func (p *person) enters(key, button string) {
	p.t.Helper()
	p.Until(`(() => {
		const field = [...document.querySelectorAll(".key-field")].at(-1)
		field?.focus()
		field?.select()
		return field && !field.readOnly && document.activeElement === field
	})()`)
	p.Insert(key)
	p.Click("button", button)
}

// otherKey is a recovery key of nobody.
func otherKey(t *testing.T) string {
	t.Helper()
	secret, err := account.NewRecoverySecret(rand.Reader)
	must(t, err)
	return secret.Reveal()
}

// TestRecoveryKeyIsCheckedAndReplaced has a person check her note, mistype it, give a
// replacement up, and replace the key. The old one is refused with the date, and a
// contact who verified her goes on to see the same, verified person (B10).
func TestRecoveryKeyIsCheckedAndReplaced(t *testing.T) {
	t.Parallel()
	const check, replace, right = "Check your note", "Replace the key", "This is your recovery key."
	w := newTown(t)
	ana, bea := w.visit(t, desktop, "ana"), w.settle(t, phone, "bea", "")
	first := ana.noted("")
	ana.meet(bea)
	bea.Click("button", "Details of")
	bea.Click("button", "Verify")
	bea.Click("button", "They are the same")
	bea.Click("button", "Done")
	bea.Await("image", "Verified")

	ana.at("/settings/security")
	ana.enters(first[:len(first)-1], check)
	ana.shows("a character is wrong")
	ana.hasFocus(".key-field")
	ana.Until(`(f => f.ariaInvalid === "true" && document.getElementById(f.getAttribute("aria-describedby")).innerText.includes("a character is wrong"))(document.querySelector(".key-field"))`)
	ana.enters(otherKey(t), check)
	ana.shows("This was never a key of your account.")
	ana.enters(first, check)
	ana.shows(right)
	ana.Until(`document.querySelector(".key-field").value === "" && document.querySelector(".key-field").autocomplete === "off"`)

	ana.Click("button", replace)
	ana.hasFocus("dialog .key-field")
	ana.Until(`!document.body.innerText.includes(` + quote(right) + `)`) // it may not be for long
	ana.enters(otherKey(t), "Continue")
	ana.shows("This was never a key of your account.")
	ana.enters(first, "Continue")
	given := ana.shownKey()
	ana.hasFocus("dialog h2")
	ana.Click("button", "Cancel")
	ana.shows("Nothing was changed. Your present recovery key still counts.")
	ana.enters(given, check)
	ana.shows("This was never a key of your account.")

	ana.Click("button", replace)
	ana.enters(first, "Continue")
	second := ana.shownKey()
	ana.Click("button", "Continue")
	ana.enters(first, replace)
	ana.shows("This is not the new key.")
	ana.Click("button", "Show the key again")
	if again := ana.shownKey(); again != second {
		t.Error("the page shows another key than before")
	}
	ana.Click("button", "Continue")
	ana.Await("textbox", "New recovery key")
	ana.enters(second, replace)
	ana.shows("Your recovery key is replaced")
	ana.Click("button", "Done")

	ana.enters(first, check)
	ana.shows("This key was replaced on " + time.Now().Format("January 2, 2006") + ".")
	ana.enters(second, check)
	ana.shows(right)
	kept := browsertest.Eval[string](ana.Page, `location.href + JSON.stringify([history.state, {...localStorage}, {...sessionStorage}]) + document.documentElement.outerHTML`)
	if strings.Contains(kept, second[:8]) || strings.Contains(kept, first[:8]) {
		t.Error("the page keeps a recovery key that it does not show")
	}
	ana.at("/")
	ana.Click("link", "Bea")
	ana.say("It is still me")
	bea.Click("button", "Back")
	bea.reads("It is still me")
	bea.Await("image", "Verified")
	if bea.Sees("alert", "") {
		t.Error("the page warns of somebody who replaced a recovery key")
	}
}

// TestRecoveryKeyWithoutServer replaces the recovery key while the server is away: the
// person hears that the new key waits, and it counts when the server is back.
func TestRecoveryKeyWithoutServer(t *testing.T) {
	t.Parallel()
	const check = "Check your note"
	w := newTown(t)
	ana := w.visit(t, phone, "ana")
	first := ana.noted("")
	ana.at("/settings/security")
	ana.Click("button", "Replace the key")
	ana.enters(first, "Continue")
	second := ana.shownKey()
	ana.Click("button", "Continue")
	ana.Await("textbox", "New recovery key")
	ana.Expect("WebSocket connection to|net::ERR_")
	w.Stop(t)
	ana.shows("Offline.")
	ana.enters(second, "Replace the key")
	ana.shows("Your new recovery key waits for your server")
	ana.Click("button", "Done")
	ana.enters(second, check)
	ana.shows("As far as this device knows, this is your recovery key.")
	ana.enters(first, check)
	ana.shows("keep this note until you have checked again online")
	ana.enters(otherKey(t), check)
	ana.shows("This device knows no such key of your account.")
	w.open(w.at)
	ana.Until(`!document.body.innerText.includes("Offline.")`)
	ana.enters(second, check)
	ana.shows("This is your recovery key. Keep the note")
	ana.enters(first, check)
	ana.shows("Look for the note of the newer one")
}

// TestLockEndsReplacement locks the profile in another tab while the new key is shown:
// nothing of it stays, and the old key counts.
func TestLockEndsReplacement(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.visit(t, desktop, "ana")
	first := ana.noted("my own words")
	ana.at("/settings/security")
	ana.Click("button", "Replace the key")
	ana.enters(first, "Continue")
	second := ana.shownKey()
	beside := &person{Page: ana.Another(), t: t, town: w, name: "ana"}
	beside.Go(w.home() + "/#/settings")
	beside.Click("button", "Lock now")
	ana.Await("button", "Unlock")
	if html := browsertest.Eval[string](ana.Page, "document.documentElement.outerHTML"); strings.Contains(html, second[:8]) {
		t.Error("a locked page has the new key")
	}
	ana.unlocks("my own words")
	ana.at("/settings/security")
	ana.enters(second, "Check your note")
	ana.shows("This was never a key of your account.")
	ana.enters(first, "Check your note")
	ana.shows("This is your recovery key.")
}
