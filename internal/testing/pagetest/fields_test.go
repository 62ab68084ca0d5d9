// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"testing"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// Keys that move the cursor in a field do not leave it.
func TestKeysStayInFields(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	ana.Click("button", "New conversation")
	ana.WriteIn("textbox", "Name or address", "be")
	ana.sees(".side .row")
	for _, key := range []string{"Home", "End"} {
		if browsertest.Eval[bool](ana.Page, `!document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "`+key+`", bubbles: true, cancelable: true})) || document.activeElement.tagName !== "INPUT"`) {
			t.Errorf("%s leaves the field", key)
		}
	}
}
