// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"testing"

	"github.com/securecrypt/securecrypt/internal/browsertest"
)

// A recovery key that was not noted yet is not lost to a slip: the browser asks first.
func TestRecoveryKeyIsNotLostToASlip(t *testing.T) {
	w := newTown(t)
	ana := w.visit(t, phone, "ana")
	const asks = `!dispatchEvent(new Event("beforeunload", {cancelable: true}))`
	if browsertest.Eval[bool](ana.Page, asks) {
		t.Error("the browser asks without a reason")
	}
	ana.begins("")
	if !browsertest.Eval[bool](ana.Page, asks) {
		t.Error("the browser does not ask before the key is gone")
	}
	ana.Click("checkbox", "I have written it down")
	ana.Click("button", "Continue")
	ana.Await("button", "New conversation")
	if browsertest.Eval[bool](ana.Page, asks) {
		t.Error("the browser goes on asking")
	}
}
