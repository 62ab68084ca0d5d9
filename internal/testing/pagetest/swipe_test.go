// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"testing"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// A finger that drags a conversation's row to the end of its line pins it, to
// the start archives it, and opens nothing.
func TestSwipeRows(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, phone, "ana", "")
	for _, name := range []string{"old", "new"} {
		ana.writeTo(w.terminal(t, name).Address().String(), "Hello")
		ana.Click("button", "Back")
	}
	ana.still(phone.theme)
	const first, second = `[aria-posinset="1"] .row`, `[aria-posinset="2"] .row`
	ana.Until(`document.querySelector(` + quote(second) + `)?.textContent.includes("old")`)
	ana.Swipe(second, 40)
	ana.Swipe(second, 90)
	ana.Until(`document.querySelector(` + quote(first) + `).textContent.includes("old")`)
	ana.sees(first + " .icon.tiny")
	ana.Until(`!document.querySelector(".under, .row[style*=translate]")`)

	ana.Swipe(second, -90)
	ana.Until(`!document.querySelector(` + quote(second) + `)`)
	ana.shows("Archived")
	ana.Click("button", "Undo")
	ana.sees(second)

	ana.Until(root + `.dir = "rtl"`)
	ana.settleDown()
	ana.Swipe(first, -90)
	ana.Until(`document.querySelector(` + quote(second) + `).textContent.includes("old")`)
	if at := browsertest.Eval[string](ana.Page, place); at != "/" {
		t.Errorf("a swipe opened %s", at)
	}
	ana.Click("link", "old")
	ana.reads("Hello")
}
