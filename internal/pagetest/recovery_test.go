// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"testing"

	"github.com/securecrypt/securecrypt/internal/browsertest"
)

// A recovery key that was not noted yet is not lost to a slip: it is shown until it is.
func TestRecoveryKeyIsNotLostToASlip(t *testing.T) {
	w := newTown(t)
	ana := w.visit(t, phone, "ana")
	ana.begins("my own words")
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
