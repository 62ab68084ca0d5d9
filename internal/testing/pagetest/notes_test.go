// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import "testing"

// A note that comes while a dialog is open is in it, where it is seen, read out and reached.
func TestNotesInDialogs(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, phone, "ana", "")
	ana.Click("button", "Share your address")
	ana.Click("button", "Copy address")
	ana.sees("dialog [role=status] .toast")
	ana.Until(`(() => { const b = document.querySelector("dialog .toast").getBoundingClientRect(); return document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2).closest("dialog .toast") !== null })()`)
}
