// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

// ways are those into an account that there is.
func (p *tour) ways() {
	p.Click("button", "Link this device")
	p.Await("textbox", "Code on the other device")
	p.look("link")
	p.Write("Code on the other device", "somewhere")
	p.Click("button", "Continue")
	p.Await("alert", "")
	p.look("link-wrong")
	p.Click("button", "Show a code here instead")
	p.code()
	p.look("link-code")
	p.Click("button", "Cancel")
	p.Click("button", "Back")
	p.Click("button", "Use a recovery key")
	p.Await("textbox", "Your address")
	p.look("recover")
	p.Click("button", "Back")
}

// devices links a second device, and removes it.
func (p *tour) devices() {
	tablet := p.town.visit(p.t, phone, "ana")
	tablet.Click("button", "Link this device")
	p.at("/settings/devices")
	p.Click("button", "Link a device")
	p.code()
	p.look("devices-code")
	p.Click("button", "Enter a code of the new device instead")
	p.Await("textbox", "Code on the other device")
	p.look("devices-enter")
	p.Click("button", "Show a code here instead")
	tablet.Write("Code on the other device", p.code())
	tablet.Click("button", "Continue")
	digits := tablet.digits()
	p.looks(tablet, "link-digits")
	p.types(other(digits))
	p.shows("You have 2 more attempts.")
	p.look("devices-digits")
	p.types(digits)
	p.shows("The device is linked")
	p.look("devices-linked")
	p.Click("button", "Done")
	tablet.Await("link", "Beatriz")
	p.Until(`document.querySelectorAll(".devices li").length === 2`)
	p.look("devices-list")
	p.Click("button", "Remove Device")
	p.Await("button", "Cancel")
	p.look("devices-remove")
	p.Click("button", "Remove")
	p.Click("DisclosureTriangle", "1 removed device")
	p.look("devices-removed")
	tablet.Await("button", "Keep reading")
}
