// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import "testing"

// Two people with browsers meet and talk.
func TestTwoPeople(t *testing.T) {
	w := newTown(t)
	ana, bea := w.settle(t, phone, "ana", ""), w.settle(t, desktop, "bea", "a long passphrase")
	ana.writeTo(bea.address(), "Hello Bea")
	bea.Click("link", "Requests")
	bea.Click("link", "Ana")
	bea.reads("Hello Bea")
	bea.Click("button", "Accept")
	bea.say("Hello *Ana*")
	ana.reads("Hello Ana")
}
