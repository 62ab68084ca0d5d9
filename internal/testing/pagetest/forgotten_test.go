// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import "testing"

// Who forgot the passphrase can begin anew, and is asked before.
func TestForgottenPassphrase(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, phone, "ana", "my own words")
	ana.comesBack()
	ana.Click("button", "Forgot it?")
	ana.Await("heading", "Erase everything on this device?")
	ana.Click("button", "Cancel")
	ana.Click("button", "Forgot it?")
	ana.Click("button", "Erase everything")
	ana.Await("button", "Get started")
	ana.keeps()
	ana.name = "anew"
	ana.create("")
}
