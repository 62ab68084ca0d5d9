// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"testing"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// A recovery key that was not noted yet is not lost to a slip: it is shown until it is.
func TestRecoveryKeyIsNotLostToASlip(t *testing.T) {
	w := newTown(t)
	ana := w.visit(t, phone, "ana")
	ana.shows("it cannot be recovered yet")
	ana.begins("my own words")
	ana.shows("That does not work yet")
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
