// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"testing"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// What came while nobody looked is read once somebody does.
func TestReadOnReturn(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	ana.hides(true)
	bea.say("while you were away")
	ana.reads("while you were away")
	ana.Until(`new Promise(r => setTimeout(() => r(true), 1500))`)
	if browsertest.Eval[bool](bea.Page, `[...document.querySelectorAll(".message.own")].at(-1).getAttribute("aria-label").endsWith("Read")`) {
		t.Fatal("what nobody looked at is read")
	}
	ana.hides(false)
	bea.Until(`[...document.querySelectorAll(".message.own")].at(-1).getAttribute("aria-label").endsWith("Read")`)
}

// hides lets the page seem hidden, or seen again.
func (p *person) hides(hidden bool) {
	p.t.Helper()
	value := "false"
	if hidden {
		value = "true"
	}
	p.Until(`(Object.defineProperty(document, "hidden", {configurable: true, get: () => ` + value + `}), document.dispatchEvent(new Event("visibilitychange")))`)
}
