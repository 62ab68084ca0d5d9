// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import "testing"

// Erasing deletes the account on the server, if that is chosen.
func TestErasingDeletesTheAccount(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, desktop, "ana", "")
	ana.at("/settings/security")
	ana.Click("button", "Erase everything")
	ana.shows("Your account on the server")
	ana.choose("dialog select", "account")
	ana.Until(`(document.querySelector("dialog .filled").click(), true)`)
	ana.Await("button", "Get started")
	bea := w.settle(t, phone, "bea", "")
	bea.Click("button", "New conversation")
	bea.asks("ana@"+w.Host, "Nobody has this address")
}
