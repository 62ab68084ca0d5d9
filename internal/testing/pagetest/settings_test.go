// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import "testing"

// What one tab changed stays when another one changes something else.
func TestSettingsInTwoTabs(t *testing.T) {
	w := newTown(t)
	ana := w.settle(t, desktop, "ana", "")
	second := &person{Page: ana.Another(), t: t, town: w, name: "ana"}
	second.Size(desktop.width, desktop.height, false)
	second.Go(w.home() + "/#/settings")
	second.Click("button", "Appearance")
	ana.Click("button", "Settings")
	ana.Click("button", "Privacy")
	ana.Click("switch", "Read marks")
	ana.Until(`document.querySelector("[role=switch]").checked === false`)
	ana.Until(`new Promise(r => setTimeout(() => r(true), 1000))`) // nobody is in both tabs at once
	second.Until(`(() => {
		const s = [...document.querySelectorAll("label")].find(l => l.textContent.startsWith("Theme"))?.querySelector("select")
		if (!s) return false
		s.value = "dark"
		return s.dispatchEvent(new Event("change", {bubbles: true}))
	})()`)
	ana.Until(`document.documentElement.dataset.theme === "dark"`)
	ana.Do(reload())
	ana.Await("switch", "Read marks")
	ana.Until(`document.querySelector("[role=switch]").checked === false && document.documentElement.dataset.theme === "dark"`)
}
