// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"os"
	"path/filepath"
	"testing"
)

// The first screens have the focus where somebody goes on.
func TestFocusOfTheFirstScreens(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.visit(t, desktop, "ana")
	ana.Await("button", "Get started")
	ana.hasFocus("button.primary")
	ana.Click("button", "Get started")
	ana.hasFocus("input[autocomplete=nickname]")
	ana.Click("button", "Back")
	ana.hasFocus("button.primary")
	ana.begins("")
	ana.hasFocus("h1")
}

// The name of a file is whole where there is room, and begins where its size does.
func TestNamesOfFilesFit(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	file := filepath.Join(t.TempDir(), "report-of-the-assembly-final-v7.pdf")
	must(t, os.WriteFile(file, make([]byte, 240), 0o600))
	bea.Choose(`input[type=file]:not([accept])`, file)
	bea.Click("button", "Send")
	ana.sees(".message .file-card")
	ana.shows("240\u00a0B")
	ana.Until(`[...document.querySelectorAll(".file-name .clip")].every(e => e.scrollWidth <= e.clientWidth)`)
	ana.Until(`document.documentElement.dir = "rtl"`)
	ana.Until(`(() => {
		const right = selector => document.querySelector(".message .file-card " + selector).getBoundingClientRect().right
		const text = document.createRange()
		text.selectNodeContents(document.querySelector(".message .file-card .figures"))
		return Math.abs(right(".file-name") - text.getBoundingClientRect().right) < 2
	})()`)
}

// What went wrong stands apart from what follows it.
func TestDeniedNotificationsStandApart(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, phoneLight, "ana", "")
	ana.Permit("notifications", false)
	ana.at("/settings/notifications")
	ana.choose("select", "quiet")
	ana.shows("does not allow notifications here")
	ana.Until(`(() => {
		const said = document.querySelector(".column > .error")
		return said.nextElementSibling.getBoundingClientRect().top - said.getBoundingClientRect().bottom >= 12
	})()`)
}
