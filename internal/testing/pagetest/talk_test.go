// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
)

// Two people with browsers meet and talk, with all that belongs to it.
func TestTwoPeople(t *testing.T) {
	t.Parallel()
	for _, screens := range [][2]screen{{phone, desktop}, {phoneLight, desktopDark}} {
		t.Run(screens[0].name+" and "+screens[1].name, func(t *testing.T) {
			w := newTown(t)
			ana, bea := w.settle(t, screens[0], "ana", ""), w.settle(t, screens[1], "bea", "")
			ana.meet(bea)

			bea.writes("Hello *Ana*, see https://example.org")
			ana.reads("Hello Ana, see https://example.org")
			ana.sees(`.message.other a[href="https://example.org/"], .message.other a[href="https://example.org"]`)
			ana.Until(`document.querySelector(".message.other em")?.textContent === "Ana"`)

			bea.act("Hello Ana", "Edit")
			bea.replaces("Hello Ana after all")
			ana.reads("Hello Ana after all")
			ana.reads("edited")

			ana.act("Hello Ana after all", "Reply")
			ana.say("An answer")
			bea.Until(`document.querySelector(".message.other .quote")?.textContent.includes("Hello Ana after all")`)

			bea.act("An answer", "👍")
			ana.Until(`document.querySelector(".message.own .reactions")?.textContent.includes("👍")`)

			ana.act("An answer", "Delete")
			ana.Click("button", "Delete")
			bea.reads("This message was deleted")
		})
	}
}

// Somebody at a command line talks with somebody in a browser.
func TestTerminalAndPage(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, ted := w.settle(t, desktop, "ana", ""), w.terminal(t, "ted")
	with, err := ted.Direct(t.Context(), account.Address{Name: "ana", Host: w.Host})
	must(t, err)
	m, err := ted.Send(t.Context(), with, chat.Draft{Text: "from the terminal"})
	must(t, err)
	ana.Click("button", "Requests")
	ana.Click("link", "ted@")
	ana.reads("from the terminal")
	ana.Click("button", "Accept")
	ana.say("from the page")
	eventually(t, "the answer", func() bool {
		found := false
		must(t, ted.Messages().History(with, func(m chat.Message) bool {
			found = found || m.Text == "from the page"
			return true
		}))
		return found
	})
	must(t, ted.Messages().React(t.Context(), with, m.ID, "👍", false))
	ana.reads("👍")
	must(t, ted.Messages().Delete(t.Context(), with, m.ID))
	ana.reads("This message was deleted")
}

// Three people share a group.
func TestGroup(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea, eve := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", ""), w.settle(t, phone, "eve", "")
	ana.Click("button", "New conversation")
	ana.Click("button", "New group")
	ana.Write("Name of the group", "The Reading Circle")
	for _, p := range []*person{bea, eve} {
		ana.WriteIn("searchbox", "Name or address", p.address())
		ana.Click("button", p.address())
	}
	ana.Click("button", "Create with 2 people")
	ana.say("Welcome")
	for _, p := range []*person{bea, eve} {
		p.Click("button", "Requests")
		p.Click("link", "The Reading Circle")
		p.reads("Welcome")
		p.Click("button", "Accept")
		p.say("Hello from " + p.name)
	}
	ana.reads("Hello from bea")
	ana.reads("Hello from eve")
	eve.reads("Hello from bea")
	ana.Click("button", "Details of")
	ana.choose(".details select", "86400000")
	ana.reads("You set messages to disappear after 1 day")
	bea.reads("Ana set messages to disappear after 1 day")
}

// A page that is loaded anew, and one more tab, are where the first was.
func TestReloadAndTwoTabs(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, desktop, "bea", "")
	ana.meet(bea)
	ana.writes("sent and gone")
	ana.Do(reload())
	ana.reads("sent and gone")
	bea.reads("sent and gone")
	ana.Write("Message to", "half a sentence")
	ana.Do(reload())
	ana.Until(`document.querySelector("textarea")?.value === "half a sentence"`)
	ana.Until(`(document.querySelector("textarea").select(), true)`)
	ana.Press(kb.Backspace)

	second := &person{Page: ana.Another(), t: t, town: w, name: "ana"}
	second.Size(desktop.width, desktop.height, false)
	second.Go(w.home())
	second.Click("link", "Bea")
	second.say("from the second tab")
	ana.reads("from the second tab")
	bea.reads("from the second tab")
	bea.say("to both")
	ana.reads("to both")
	second.reads("to both")
}

// What is written while the server is away is sent when it is back.
func TestServerAway(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	for _, p := range []*person{ana, bea} {
		p.Expect("WebSocket connection to|net::ERR_")
	}
	w.Stop(t)
	ana.shows("Offline.")
	ana.say("written offline")
	ana.sees(`.message.own [aria-label="Waiting"]`)
	ana.comesBack()
	ana.Click("link", "Bea")
	ana.reads("written offline")
	w.open(w.at)
	bea.reads("written offline")
	ana.Until(`!document.body.innerText.includes("Offline.")`)
}

// A conversation is muted for a while, and says until when.
func TestMute(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	ana.Click("button", "Actions")
	ana.Click("menuitem", "Mute")
	ana.Await("menuitem", "1 week")
	ana.Press(kb.ArrowDown)
	ana.Press(kb.Enter)
	ana.Click("button", "Details of")
	ana.Await("button", "Unmute Until")
	ana.sees(".side .row .icon.tiny")
	ana.Click("button", "Unmute")
	ana.Click("button", "Mute")
	ana.Click("menuitem", "Always")
	ana.Await("button", "Unmute Always")
	ana.Do(reload())
	ana.Await("button", "Unmute Always")
}

// A finger that drags a message to the end of its line replies to it.
func TestSwipeToReply(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, phone, "ana", ""), w.settle(t, desktop, "bea", "")
	ana.meet(bea)
	const theirs = ".message.other .bubble"
	ana.settleDown()
	ana.Swipe(theirs, -90)
	ana.Swipe(theirs, 40)
	if ana.Sees("button", "Cancel") {
		t.Error("a short swipe, or one the other way, replies")
	}
	ana.Swipe(theirs, 90)
	ana.shows("Reply to Bea")
	ana.Until(`!document.querySelector(".message[style*=translate], .pulled")`)
	ana.say("by a finger")
	bea.sees(".message.other .quote")
	ana.Until(`document.documentElement.dir = "rtl"`)
	ana.settleDown()
	ana.Swipe(theirs, -90)
	ana.shows("Reply to Bea")
}
