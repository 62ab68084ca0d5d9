// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
)

// rows are the names in the list, from above.
const rows = `[...document.querySelectorAll(".side a.row")].sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top).map(r => r.querySelector(".name").textContent.split("@")[0]).join(" ")`

// lists waits until the list has these names, from above.
func (p *person) lists(names string) {
	p.t.Helper()
	p.Until(rows + " === " + quote(names))
}

// menu chooses from the menu of a row in the list.
func (p *person) menu(row, action string) {
	p.t.Helper()
	p.Until(`(() => {
		const r = [...document.querySelectorAll(".side a.row")].find(r => r.textContent.includes(` + quote(row) + `))
		const { x, y } = r?.getBoundingClientRect() ?? {}
		r?.dispatchEvent(new MouseEvent("contextmenu", { bubbles: true, cancelable: true, clientX: x + 20, clientY: y + 20 }))
		return r
	})()`)
	p.Click("menuitem", action)
}

// What somebody chooses about conversations holds, and can be taken back.
func TestChoicesInTheList(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.terminal(t, "ted")
	ana, bea := w.settle(t, desktopDark, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	ana.writeTo("ted@"+w.Host, "Hello Ted")
	ana.lists("ted Bea")
	ana.menu("Bea", "Pin")
	ana.lists("Bea ted")

	ana.Press(kb.ArrowUp, chromedp.ModifierAlt)
	ana.Await("textbox", "Message to Bea")
	ana.say("a thougth")
	ana.marked("Read") // one that has no name yet cannot be changed
	ana.Until(`document.activeElement.matches("textarea")`)
	ana.Press(kb.ArrowUp)
	ana.Until(`document.querySelector("textarea").value === "a thougth"`)
	ana.replaces("a thought")
	bea.reads("a thought")
	bea.reads("edited")
	ana.Write("Message to", "half of the next")
	ana.Press(kb.ArrowDown, chromedp.ModifierAlt)
	ana.Await("textbox", "Message to ted")
	ana.Until(`[...document.querySelectorAll(".row")].some(r => r.textContent.includes("Draft: half of the next"))`)

	ana.menu("ted", "Archive")
	ana.lists("Bea")
	ana.Click("button", "Undo")
	ana.lists("Bea ted")
	ana.menu("ted", "Archive")
	ana.lists("Bea")
	ana.Do(reload())
	ana.Click("button", "Archive 1 conversation")
	ana.lists("ted")
	ana.menu("ted", "Unarchive")
	ana.shows("The archive is empty")
	ana.Click("button", "Back")
	ana.lists("Bea ted")
	ana.menu("Bea", "Unpin")

	ana.menu("Bea", "Delete conversation")
	ana.shows("keeps theirs, and sees that you left.")
	ana.Click("button", "Delete")
	ana.lists("ted")
	ana.Do(reload())
	ana.lists("ted")
	bea.reads("Ana left")
	bea.Gone("textbox", "Message to")
	if !bea.holds("a thought") {
		t.Error("who deletes takes something from the others")
	}
	bea.Click("button", "Write")
	bea.say("Where are you?")
	ana.lists("Bea ted")
	ana.Click("link", "Where are you?")
	ana.reads("Where are you?")
	if ana.holds("a thought") {
		t.Error("what was deleted is back")
	}
}

// Whoever is mentioned in a group sees it in the list, even if it is muted.
func TestMention(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, phoneLight, "ana", ""), w.settle(t, desktop, "bea", "")
	ana.found("Choir", bea)
	bea.say("Good evening")
	ana.reads("Good evening")
	ana.at("/")
	ana.menu("Choir", "Mute")
	ana.Click("menuitem", "Always")
	ana.sees(".row .icon.tiny")
	bea.say("who brings the keys?")
	ana.Await("link", "1 unread message")
	ana.Until(`document.title === "SecureCrypt" && !document.querySelector(".row .at-me")`)
	bea.Write("Message to", "It is you, ")
	bea.Insert("@A")
	bea.Await("option", "Ana")
	bea.Press(kb.Tab)
	bea.Until(`document.querySelector("textarea").value.trimEnd() === "It is you, @ana"`)
	bea.Click("button", "Send")
	ana.sees(".row .at-me")
	ana.Until(`document.title === "(1) SecureCrypt"`)
	ana.Click("link", "Choir")
	ana.reads("It is you")
	ana.sees(".message.other .for-me")
	ana.at("/")
	ana.Until(`!document.querySelector(".row .at-me") && document.title === "SecureCrypt"`)
}

// What was to disappear does so by itself, wherever it was shown.
func TestMessagesDisappear(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea, ted := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", ""), w.terminal(t, "ted")
	group, err := ted.CreateGroup(t.Context(), "Sand", []account.Address{{Name: "ana", Host: w.Host}, {Name: "bea", Host: w.Host}})
	must(t, err)
	must(t, ted.WaitUntilSent(t.Context(), group))
	_, err = ted.Send(t.Context(), group, chat.Draft{Text: "Welcome to the beach"})
	must(t, err)
	for _, p := range []*person{ana, bea} {
		p.joins("Sand", "Welcome to the beach")
	}
	_, err = ted.Send(t.Context(), group, chat.Draft{Text: "written in the sand", Expire: 8 * time.Second})
	must(t, err)
	for _, p := range []*person{ana, bea} {
		p.reads("written in the sand")
		p.Until(`[...document.querySelectorAll(".message")].at(-1).querySelector(".foot .icon")`)
	}
	for _, p := range []*person{ana, bea} {
		p.Until(`!document.body.textContent.includes("written in the sand")`)
		if !p.holds("Welcome to the beach") {
			t.Error("what was to stay is gone")
		}
	}
	ana.Do(reload())
	ana.reads("Welcome to the beach")
	if ana.holds("written in the sand") {
		t.Error("what disappeared is back")
	}
}
