// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
)

// row is the text of the list's row of a conversation.
func row(name string) string {
	return `([...document.querySelectorAll(".side .row")].find(r => r.querySelector(".name")?.textContent.includes(` + quote(name) + `))?.innerText ?? "")`
}

// A new group invites its members although its creator says nothing, and one
// line names all whom somebody added.
func TestNewGroupInvitesItsMembers(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea, ted := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", ""), w.terminal(t, "ted")
	ana.at("/new/group")
	ana.Write("Name of the group", "Choir")
	for _, who := range []string{bea.address(), ted.Address().String()} {
		ana.WriteIn("searchbox", "Name or address", who)
		ana.Click("button", who)
	}
	ana.Click("button", "Create with 2 people")
	ana.shows("3 members")
	bea.Click("button", "Requests")
	bea.Click("link", "Choir")
	bea.Click("button", "Accept")
	bea.shows("3 members")
	accepts(t, ted)
	ana.Until(`document.querySelectorAll(".notice").length === 1`)
	ana.Until(`/^You added (Bea|bea@.*|ted@.*) and (Bea|bea@.*|ted@.*)$/.test(document.querySelector(".notice").innerText)`)
}

// Previews of own messages, of groups and of drafts show what was said.
func TestPreviewsAreReadable(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	const inside = `(() => {
		const text = document.querySelector(".side .row .preview bdi"), box = text?.getBoundingClientRect(), row = text?.closest(".preview").getBoundingClientRect()
		return box && box.width > 60 && box.left >= row.left - 1 && box.right <= row.right + 1
	})()`
	ana.say("Hi Bea, this is Ana. Are you free tonight, or would you rather meet tomorrow after the rehearsal?")
	ana.Until(row("Bea") + `.includes("You:")`)
	ana.Until(inside)
	ana.Write("Message to", "A draft of a letter that is rather long, longer than a row of the list")
	ana.at("/")
	ana.Until(row("Bea") + `.includes("Draft:")`)
	ana.Until(inside)
}

// A slow look-up does not move a reader who went elsewhere meanwhile.
func TestSlowLookUpMovesNobody(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea, ted := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", ""), w.terminal(t, "ted")
	ana.meet(bea)
	for _, p := range []*person{ana, bea} {
		p.Expect("WebSocket connection to|net::ERR_")
	}
	w.Stop(t)
	ana.shows("Offline.")
	ana.at("/new")
	ana.Write("Name or address", ted.Address().String())
	ana.Press(kb.Enter)
	ana.shows("Looking up")
	ana.at("/")
	ana.Click("link", "Bea")
	ana.Write("Message to", "for bea alone")
	w.open(w.at)
	ana.shows("Found: " + ted.Address().String())
	ana.Until(`document.querySelector("textarea").value === "for bea alone" && document.querySelector(".who").innerText.includes("Bea")`)
	ana.Click("button", "Write")
	ana.Await("textbox", "Message to "+ted.Address().String())
	// Nothing was said to them, so that the list does not grow.
	ana.at("/")
	ana.Gone("link", "ted@")
}

// A verified person keeps the name that was verified, and the conversation
// says that they chose another one.
func TestVerifiedNameStays(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	ana.Click("button", "Details of")
	ana.Click("button", "Verify")
	ana.Click("button", "They are the same")
	ana.Click("button", "Done")
	bea.at("/settings/profile")
	bea.Until(`document.querySelector("form input").select() ?? true`)
	bea.Insert("Alice Morgan")
	bea.Click("button", "Save")
	ana.reads("Bea now goes by “Alice Morgan”. You still see the name that you verified.")
	ana.Until(`document.querySelector(".who .title").innerText === "Bea" && document.querySelector(".portrait h2").innerText.includes("Bea")`)
	ana.shows("Calls themselves Alice Morgan")
	ana.Until("!" + row("Alice") + "&&" + row("Bea"))
}

// Who deletes a conversation is told what the other sees, which is true.
func TestDeletingTellsTheOther(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	ana.Click("button", "Actions")
	ana.Click("menuitem", "Delete conversation")
	ana.shows("Delete the conversation “Bea”?")
	ana.shows("Bea keeps theirs, and sees that you left.")
	ana.Click("button", "Delete")
	bea.Until(`document.querySelector(".closed")?.innerText.includes("Ana left")`)
	if bea.holds("You were removed") {
		t.Error("the page tells the one who stayed that they were removed")
	}
	bea.Until(`document.querySelector(".who .second").innerText === "Ana left"`)
}

// Passphrases are typed twice, can be looked at, and that of duress is shown to
// be there and can be removed.
func TestPassphrasesAreConfirmed(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.visit(t, phone, "ana")
	ana.Click("button", "Get started")
	ana.Write("Passphrase", "my own words")
	ana.Click("button", "Show")
	ana.Until(`document.querySelector(".secret input").type === "text"`)
	ana.Write("Confirm passphrase", "my own word")
	ana.Click("button", "Create account")
	ana.shows("The two passphrases differ.")
	ana.Insert("s")
	ana.Click("button", "Create account")
	ana.Click("checkbox", "I have written it down")
	ana.Click("button", "Continue")
	ana.at("/settings/security")
	const duress = `[...document.querySelectorAll("section")].find(s => s.innerText.includes("If somebody forces you"))`
	ana.Write("Second passphrase", "my own words")
	ana.Write("Confirm passphrase", "my own words")
	ana.Until(duress + `.querySelector("[type=submit]:not([disabled])").click() ?? true`)
	ana.shows("This passphrase is in use. Choose another one.")
	ana.Until(duress + `.querySelectorAll("input").forEach(i => { i.value = ""; i.dispatchEvent(new Event("input", {bubbles: true})) }) ?? true`)
	ana.Write("Second passphrase", "their words")
	ana.Write("Confirm passphrase", "their words")
	ana.Until(duress + `.querySelector("[type=submit]:not([disabled])").click() ?? true`)
	ana.shows("It is set.")
	ana.Until(`[...` + duress + `.querySelectorAll("button")].find(b => b.innerText === "Remove")?.click() ?? true`)
	ana.Until(`!document.body.innerText.includes("It is set.")`)
	ana.at("/settings")
	ana.Click("button", "Lock now")
	ana.unlocks("their words")
	ana.shows("That is not the passphrase.")
}

// Who enters a group without a request tells the others the own name.
func TestJoinersTellTheirNames(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea, ted := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", ""), w.terminal(t, "ted")
	ana.meet(bea)
	ana.at("/new/group")
	ana.Write("Name of the group", "Choir")
	ana.Click("button", "Bea")
	ana.WriteIn("searchbox", "Name or address", ted.Address().String())
	ana.Click("button", ted.Address().String())
	ana.Click("button", "Create with 2 people")
	bea.at("/")
	bea.Await("link", "Choir")
	accepts(t, ted)
	eventually(t, "bea's name", func() bool {
		name, err := ted.People().NameOf(account.Address{Name: "bea", Host: w.Host})
		must(t, err)
		return name == "Bea"
	})
}

// What was written first says what it waits for: a server, or a person.
func TestWhatIsAwaitedIsSaid(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, ted := w.settle(t, desktop, "ana", ""), w.terminal(t, "ted")
	ana.Expect("WebSocket connection to|net::ERR_")
	ana.writeTo("x1@localhost:1", "is anybody there")
	ana.shows("localhost:1 does not answer. What you write is sent as soon as it does.")
	ana.at("/")
	ana.writeTo(ted.Address().String(), "hello")
	ana.shows(ted.Address().String() + " has to accept your request first.")
	ana.Until(`!document.querySelector(".who .second")`) // the address is said once
	accepts(t, ted)
	ana.Until(`!document.body.innerText.includes("has to accept")`)
}

// After a request was accepted, back leads to the list.
func TestBackAfterAccepting(t *testing.T) {
	t.Parallel()
	for _, s := range []screen{phone, desktop} {
		w := newTown(t)
		ana, ted := w.settle(t, s, "ana", ""), w.terminal(t, "ted")
		with, err := ted.Direct(t.Context(), account.Address{Name: "ana", Host: w.Host})
		must(t, err)
		_, err = ted.Send(t.Context(), with, chat.Draft{Text: "hello"})
		must(t, err)
		ana.Click("button", "Requests")
		ana.Click("link", "ted@")
		ana.Click("button", "Accept")
		ana.Await("textbox", "Message to")
		if s.touch {
			ana.Click("button", "Back")
		} else {
			ana.Press(kb.Escape)
		}
		ana.Until(place + ` === "/" && document.querySelector(".side .row")`)
		if ana.holds("No requests") {
			t.Errorf("%s: back leads to no requests", s.name)
		}
	}
}

// All requests are deleted, or their senders blocked, in one go.
func TestManyRequests(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, desktop, "ana", "")
	var all []*client.Client
	for _, name := range []string{"eva", "ted"} {
		c := w.terminal(t, name)
		all = append(all, c)
		with, err := c.Direct(t.Context(), account.Address{Name: "ana", Host: w.Host})
		must(t, err)
		_, err = c.Send(t.Context(), with, chat.Draft{Text: "buy my boat"})
		must(t, err)
	}
	ana.Until(row("Requests") + `.endsWith("2")`)
	ana.Click("button", "Requests")
	ana.Click("button", "Actions")
	ana.Click("menuitem", "Delete all requests")
	ana.Click("button", "Delete")
	ana.shows("No requests")
	for _, c := range all {
		with, err := c.CreateGroup(t.Context(), "Boats", []account.Address{{Name: "ana", Host: w.Host}})
		must(t, err)
		must(t, c.WaitUntilSent(t.Context(), with))
	}
	ana.Until(`document.querySelectorAll(".side .slot").length === 2`)
	ana.Click("button", "Actions")
	ana.Click("menuitem", "Block all senders")
	ana.Click("button", "Block")
	ana.shows("No requests")
	for _, c := range all {
		_, err := c.CreateGroup(t.Context(), "More boats", []account.Address{{Name: "ana", Host: w.Host}})
		must(t, err)
	}
	ana.Until(`new Promise(r => setTimeout(() => r(true), 1500))`)
	ana.shows("No requests")
}

// A person's new name is shown in messages and in the list without a reload.
func TestNewNameIsShownAtOnce(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, ted := w.settle(t, desktop, "ana", ""), w.terminal(t, "ted")
	must(t, ted.Account().SetProfile(t.Context(), "Ted"))
	id, err := ted.CreateGroup(t.Context(), "Choir", []account.Address{{Name: "ana", Host: w.Host}})
	must(t, err)
	_, err = ted.Send(t.Context(), id, chat.Draft{Text: "hello"})
	must(t, err)
	ana.joins("Choir", "hello")
	ana.Until(`document.querySelector(".author").innerText === "Ted"`)
	must(t, ted.Account().SetProfile(t.Context(), "Theodore"))
	ana.Until(`document.querySelector(".author").innerText === "Theodore"`)
	ana.Until(row("Choir") + `.includes("Theodore:")`)
}

// A page that is reloaded without a connection says so.
func TestOfflineIsSaidAfterAReload(t *testing.T) {
	w := newTown(t)
	ana := w.settle(t, desktop, "ana", "")
	ana.Until(`navigator.serviceWorker.ready.then(() => caches.keys()).then(all => all.length > 0)`)
	ana.Expect("WebSocket connection to|net::ERR_|Failed to load")
	w.Stop(t)
	ana.shows("Offline.")
	ana.Do(reload())
	begun := time.Now()
	ana.Await("button", "New conversation")
	ana.shows("Offline.")
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
}

// The palette finds what people look for by the words that they know.
func TestPaletteKnowsWords(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktopDark, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	for _, c := range [][2]string{{"dark", "theme"}, {"mute", "Mute: Always"}, {"verify", "Verify"}, {"block", "Block"}, {"language", "Appearance"}, {"passphrase", "Lock and safety"}, {"server", "What the server knows"}} {
		ana.Press("k", kb.ModifierCtrl)
		ana.Await("combobox", "Find")
		ana.Insert(c[0])
		ana.Await("option", c[1])
		ana.Press(kb.Escape)
		ana.Gone("combobox", "Find")
	}
	ana.Press("k", kb.ModifierCtrl)
	ana.Await("combobox", "Find")
	ana.Insert("verify")
	ana.Click("option", "Verify")
	ana.sees(".numbers")
}

// An address is passed on as a link, and a name alone means the own server.
func TestLinksAndShortNames(t *testing.T) {
	w := newTown(t)
	w.terminal(t, "ted")
	ana := w.settle(t, desktop, "ana", "")
	ana.shows(ana.address())
	ana.Permit("clipboard-read", true)
	ana.Permit("clipboard-write", true)
	ana.Click("button", "Share your address")
	ana.Click("button", "Copy link")
	ana.Until(`navigator.clipboard.readText().then(text => text === ` + quote(w.home()+"/#/add/"+ana.address()) + `)`)
	ana.Click("button", "Close")
	ana.at("/new")
	ana.Write("Name or address", "ted")
	ana.Click("button", "Write to ted@"+w.Host)
	ana.Await("textbox", "Message to ted@")
}

// What floats and what is cut off: nothing lies beside the page, and a person
// who is blocked or a conversation that is deleted is called what it is.
func TestPartsStayInView(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, screen{"narrow", 460, 700, false, "light"}, "ana", ""), w.settle(t, desktop, "bea", "")
	ana.meet(bea)
	long := strings.TrimSpace(strings.Repeat("a long message ", 12))
	ana.say(long)
	bea.reads(long)
	bea.say(long)
	ana.Until(`document.querySelectorAll(".message").length === 4`)
	// A browser without a window has no mouse, and so no tools.
	ana.Until(`[...document.styleSheets].forEach(s => [...s.cssRules].forEach((r, i) => r.media?.mediaText === "(hover: none)" && s.deleteRule(i))) ?? true`)
	for _, kind := range []string{"own", "other"} {
		ana.Until(`(() => {
			const m = [...document.querySelectorAll(".message.` + kind + `")].at(-1)
			m.dispatchEvent(new PointerEvent("pointerenter")); m.focus()
			const box = m.querySelector(".tools")?.getBoundingClientRect()
			return box && box.left >= 0 && box.right <= innerWidth && box.width > 80
		})()`)
	}
	bea.Click("button", "Details of")
	bea.Click("button", "Block")
	bea.shows("Block Ana (" + ana.address() + ")?")
	bea.Click("button", "Cancel")
	bea.Await("button", "Close")
	if bea.Sees("button", "Back") {
		t.Error("the column of details has an arrow back")
	}
	bea.Click("button", "Close")
	bea.Gone("button", "Close")
	bea.Click("button", "Actions")
	bea.Await("menuitem", "Archive")
	bea.Point("menuitem", "Archive")
	bea.Until(`document.activeElement.innerText === "Archive" && [...document.querySelectorAll(".menu-item")].filter(i => getComputedStyle(i).backgroundColor !== "rgba(0, 0, 0, 0)").length === 1`)
}
