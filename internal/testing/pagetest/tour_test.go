// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"bytes"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// A tour leads one person, who knows many others, past every screen of the
// application.
type tour struct {
	*person
	look func(name string) // called with the name of what the page shows now
	// looks is called with the name of what another page of the person shows.
	looks func(p *person, name string)
	bea   *client.Client
	// circle is a group that bea owns.
	circle chat.ConversationID
	file   string // a picture on disk
	key    string // for recovery
	// beside is one more tab, which keeps the profile open while the first is loaded anew.
	beside *browsertest.Page
}

const hebrewAndArabic = "שלום Ana, the meeting is at 10:30 in קפה ברלין, and مرحبا to everybody"

// takeTour shows every screen to look.
func takeTour(t *testing.T, look func(p *person, name string)) {
	w := newTown(t)
	ana := w.visit(t, desktop, "ana")
	at := &tour{person: ana, look: func(name string) { look(ana, name) }, looks: look, file: filepath.Join(t.TempDir(), "lake.png")}
	must(t, os.WriteFile(at.file, landscape(900, 600, 200), 0o600))
	at.begin()
	at.meetPeople()
	at.lists()
	at.conversation()
	at.troubles()
	at.details()
	at.settings()
	at.languages()
	at.slow()
	at.troubled()
	at.busy()
	at.end()
}

// begin makes an account.
func (p *tour) begin() {
	p.Await("button", "Get started")
	p.look("welcome")
	p.ways()
	p.Click("button", "Get started")
	p.Write("Your name", "Ana")
	p.Write("Passphrase", "a calm evening")
	p.Write("Confirm passphrase", "a calm evening")
	p.Click("DisclosureTriangle", "More options")
	p.Write("Address", "ana")
	p.look("create")
	p.Click("button", "Create account")
	p.Await("checkbox", "I have written it down")
	p.look("recovery")
	p.key = p.shownKey()
	p.Click("checkbox", "I have written it down")
	p.Click("button", "Continue")
	p.Await("button", "New conversation")
	p.look("empty")
	p.Click("button", "Share your address")
	p.Await("image", "Code of your address")
	p.look("share")
	p.Click("button", "Close")
	p.at("/new")
	p.Await("button", "Scan a code")
	p.look("new-empty")
	for _, place := range []string{"requests", "archive"} {
		p.at("/" + place)
		p.sees(".side .empty")
		p.look(place + "-empty")
	}
}

// tells says something that has been sent when it returns.
func (p *tour) tells(text string) {
	p.t.Helper()
	p.say(text)
	p.Until(`!document.querySelector('[data-key^="local-"], .ticks.waiting')`)
}

// neighbour is somebody with a terminal and a name.
func (p *tour) neighbour(name, profile string) *client.Client {
	p.t.Helper()
	c := p.town.terminal(p.t, name)
	must(p.t, c.Account().SetProfile(p.t.Context(), profile))
	return c
}

func (p *tour) self() account.Address { return account.Address{Name: p.name, Host: p.town.Host} }

// hears has somebody write to the person.
func (p *tour) hears(from *client.Client, texts ...string) chat.ConversationID {
	p.t.Helper()
	conv, err := from.Direct(p.t.Context(), p.self())
	must(p.t, err)
	for _, text := range texts {
		_, err = from.Send(p.t.Context(), conv, chat.Draft{Text: text})
		must(p.t, err)
	}
	return conv
}

// accepts takes a request and leaves it open.
func (p *tour) accepts(name, text string) {
	p.t.Helper()
	p.at("/requests")
	p.Click("link", name)
	p.reads(text)
	p.Click("button", "Accept")
	p.Await("textbox", "Message to")
}

// meetPeople fills the list.
func (p *tour) meetPeople() {
	ctx, t := p.t.Context(), p.t
	p.bea = p.neighbour("bea", "Beatriz Almeida")
	p.hears(p.bea, "Hello Ana, it is me.", "I found your address on your card.")
	p.accepts("Beatriz", "Hello Ana")
	p.say("Lovely to hear from you")
	wide := p.neighbour("wide", strings.Repeat("Ŵ", 64))
	p.hears(wide, "Is this name long enough?")
	p.accepts("ŴŴŴ", "Is this name")
	layla := p.neighbour("layla", "ليلى حداد")
	p.hears(layla, "مساء الخير يا آنا", hebrewAndArabic)
	p.accepts("ليلى", "مساء")
	old := p.neighbour("olga", "Olga from the choir")
	p.hears(old, "See you on Thursday")
	p.accepts("Olga", "See you")
	p.Click("button", "Actions")
	p.Click("menuitem", "Archive")
	p.Click("button", "Close")
	tom := p.neighbour("tom", "Tom")
	p.hears(tom, "Did you see this?")
	p.accepts("Tom", "Did you see")
	p.Click("button", "Actions")
	p.Click("menuitem", "Mute")
	p.Click("menuitem", "Always")

	people := []account.Address{p.self()}
	var members []*client.Client
	for i, name := range []string{"Ines", "Jonas", "Kofi", "Mei", "Noor", "Oskar", "Paula", "Quentin", "Rosa", "Samir", "Tala", "Uma"} {
		c := p.neighbour(fmt.Sprintf("m%d", i), name)
		people, members = append(people, c.Address()), append(members, c)
	}
	var err error
	p.circle, err = p.bea.CreateGroup(ctx, "The Reading Circle", people)
	must(t, err)
	_, err = p.bea.Send(ctx, p.circle, chat.Draft{Text: "Welcome, everybody. Next book: *The Door*."})
	must(t, err)
	p.at("/")
	p.Click("link", "The Reading Circle")
	p.reads("Next book")
	p.Click("button", "Actions")
	p.Click("menuitem", "Pin")
	for i, text := range []string{"Hello from the north", "I read it twice, it stays with one. Shall we meet on the second Sunday?", "Yes"} {
		c := members[i]
		eventually(t, "the group", func() bool { _, err := c.Conversation(p.circle); return err == nil })
		must(t, c.Accept(ctx, p.circle))
		_, err = c.Send(ctx, p.circle, chat.Draft{Text: text})
		must(t, err)
		p.reads(text)
	}
	p.say("I have just started it")
	p.hears(p.neighbour("stranger", "Somebody new"), "Hello, are you the Ana of the choir?")
	p.at("/")
	p.Await("button", "Requests")
	p.hears(layla, "one", "two", "three")
	p.shows("three")
	p.Click("link", "Tom")
	p.Write("Message to", "I will write more when")
	p.Click("link", "Beatriz")
	p.Until(`[...document.querySelectorAll(".row")].some(r => r.textContent.includes("Draft:"))`)
}

// lists are the screens of the first pane.
func (p *tour) lists() {
	p.at("/")
	p.shows("Choose a conversation")
	p.look("list")
	p.WriteIn("searchbox", "Search", "Bea")
	p.Gone("link", "Tom")
	p.look("search")
	p.Click("button", "Clear")
	p.at("/requests")
	p.shows("Somebody new")
	p.look("requests")
	p.Click("link", "Somebody new")
	p.Await("button", "Accept")
	p.look("request")
	p.at("/archive")
	p.shows("Olga")
	p.look("archive")
	p.at("/new")
	p.shows("Contacts")
	p.look("new")
	p.Click("button", "Scan a code")
	p.shows("does not allow the camera")
	p.look("scanner-denied")
	p.Click("button", "Scan a code")
	lake, err := png.Decode(bytes.NewReader(landscape(640, 480, 200)))
	must(p.t, err)
	browsertest.Film(p.t, lake)
	p.Allow("camera")
	p.Click("button", "Scan a code")
	p.Until(`document.querySelector("video")?.currentTime > 0`)
	p.look("scanner")
	p.at("/new/group")
	p.Write("Name of the group", "Sunday walks")
	p.Click("button", "bea@")
	p.look("new-group")
	p.at("/")
	p.Press("k", kb.ModifierCtrl)
	p.Await("option", "Beatriz")
	p.look("palette")
	p.Press(kb.Escape)
	p.Gone("option", "Beatriz")
}

// conversation is one with everything in it.
func (p *tour) conversation() {
	ctx, t := p.t.Context(), p.t
	conv := p.hears(p.bea,
		strings.Repeat("Donaudampfschifffahrtsgesellschaft", 12),
		"A list of what we need:\n\n- bread\n- *good* cheese\n- `olives`\n\n> and time\n\nSee https://example.org/a/rather/long/path?with=much&that=wraps",
		"```\nfunc main() {\n\tfmt.Println(\"a line of code that is rather long for a small screen\")\n}\n```",
		"| day | what |\n|---|---|\n| Monday | soup |\n| Tuesday | bread |",
		strings.Repeat("😀🎉🌊", 20), "🌻", hebrewAndArabic)
	attach := func(text string, files ...attached) {
		d := chat.Draft{Text: text}
		for _, f := range files {
			id, err := p.bea.Files().Attach(ctx, f.name, f.kind, bytes.NewReader(f.data))
			must(t, err)
			d.Attached = append(d.Attached, id)
		}
		_, err := p.bea.Send(ctx, conv, d)
		must(t, err)
	}
	at := func(i int) attached { return attached{"photo-900x600.png", "image/png", landscape(900, 600, i*60)} }
	attach("From the lake", attached{"photo-900x600.png", "image/png", landscape(900, 600, 20)})
	attach("", at(1), at(2), at(3), at(4), at(5))
	attach("", attached{"Minutes of the meeting of the reading circle, second of November.pdf", "application/pdf", make([]byte, 34567)})
	attach("", attached{"voice.wav", "audio/wav", hum(7)})
	p.at("/")
	p.Click("link", "Beatriz")
	p.sees(".voice .done, .voice rect:nth-child(30)")
	p.tells("Here is mine")
	p.act("Here is mine", "👍")
	p.tells("This one will go")
	p.act("This one will go", "Delete")
	p.Click("button", "Delete")
	p.reads("You deleted this message")
	p.act("Lovely to hear", "Edit")
	p.replaces("Lovely to hear from you again")
	p.act("From the lake", "Reply")
	p.tells("Beautiful. When were you there?")
	p.sees(".own .quote")
	p.Choose(`input[accept="image/*"]`, p.file)
	p.sees(".card")
	p.Click("button", "Send")
	p.sees(".own .picture img")
	p.Until(`!document.querySelector(".ring")`)
	p.look("conversation-end")
	p.Until(`(document.querySelector(".timeline").scrollTop = 500, true)`)
	p.look("conversation-middle")
	p.Until(`(document.querySelector(".timeline").scrollTop = 0, true)`)
	p.look("conversation-top")
	p.composer()
}

func (p *tour) composer() {
	p.Choose(`input[accept="image/*"]`, p.file)
	p.sees(".card img")
	p.Choose(`input:not([accept])[type=file]`, p.file)
	p.sees(".card .body")
	p.act("From the lake", "Reply")
	p.Write("Message to", "Several\nlines\nof a message that goes on for quite a while and so needs more than one line")
	p.look("composer")
	p.Click("button", "Cancel")
	p.Click("button", "Remove photo")
	p.Click("button", "Remove lake.png")
	p.Until(`(document.querySelector("textarea").select(), true)`)
	p.Press(kb.Backspace)
	p.Until(`(document.querySelector(".timeline").scrollTop = 1e6, true)`)
	p.Until(`(() => {
		const m = [...document.querySelectorAll(".message.own")].findLast(e => e.textContent.includes("Beautiful"))
		const box = m.querySelector(".bubble").getBoundingClientRect()
		return m.querySelector(".bubble").dispatchEvent(new MouseEvent("contextmenu", {bubbles: true, cancelable: true, clientX: box.x + 20, clientY: box.y + 20})) || true
	})()`)
	p.Await("menuitem", "Reply")
	p.look("message-menu")
	p.Click("menuitem", "Delete")
	p.Await("button", "Cancel")
	p.look("confirm")
	p.Click("button", "Cancel")
	p.Until(`(document.querySelector(".grid.n4 .picture").click(), true)`)
	p.sees(".stage img")
	p.look("viewer")
	p.Click("button", "Close")
	p.at("/")
	p.Click("link", "ليلى")
	p.shows("three")
	p.look("conversation-arabic")
	p.at("/")
	p.Click("link", "The Reading Circle")
	p.reads("Next book")
	p.look("conversation-group")
	p.Write("Message to", "@")
	p.Await("option", "Ines")
	p.look("mentions")
	p.Press(kb.Backspace)
}

// troubles are a running recorder, a denied one, and what could not be sent.
func (p *tour) troubles() {
	p.at("/")
	p.Click("link", "ŴŴŴ")
	p.Click("button", "Record a voice message")
	p.shows("does not allow the microphone")
	p.look("recorder-denied")
	p.Click("button", "Close")
	p.Allow("microphone")
	p.Click("button", "Record a voice message")
	p.Until(`document.querySelector(".recording [role=timer]")?.textContent === "0:03"`)
	p.look("recorder")
	p.Click("button", "Cancel")
	big := filepath.Join(p.t.TempDir(), "holiday.mov")
	must(p.t, os.WriteFile(big, make([]byte, largestFile+1), 0o600))
	p.Choose(`input:not([accept])[type=file]`, big)
	p.writes("Our film of the lake")
	p.shows("Tap to try again")
	p.look("failed")
}

// details are people and groups.
func (p *tour) details() {
	p.at("/")
	p.Click("link", "The Reading Circle")
	p.reads("Next book")
	p.Click("button", "Details of")
	p.shows("m8@")
	p.look("group")
	p.at("/new/group")
	p.Write("Name of the group", "Sunday walks")
	p.Click("button", "olga@")
	p.Click("button", "Create with 1 person")
	p.Click("button", "Details of")
	p.Click("button", "Add people")
	p.sees("dialog .row")
	p.look("add-people")
	p.Click("button", "Close")
	p.at("/")
	p.Click("link", "Beatriz")
	p.Click("button", "Details of")
	p.shows("Name for you")
	p.choose(".details select", "86400000")
	p.shows("Disappear after")
	p.look("contact")
	p.Click("button", "Verify")
	p.sees(".numbers")
	p.look("verify")
	p.Click("button", "They are the same")
	p.Await("button", "Done")
	p.look("verified")
	p.Click("button", "Done")
	p.at("/")
	p.Click("link", "ŴŴŴ")
	p.Click("button", "Details of")
	p.shows("Name for you")
	p.look("wide-name")
}

func (p *tour) settings() {
	p.at("/settings")
	p.shows("What the server knows")
	p.look("settings")
	for section, text := range map[string]string{
		"profile": "Your address", "privacy": "Read marks", "devices": "Link a device", "security": "If somebody forces you", "appearance": "Text size",
		"notifications": "New messages", "storage": "In use", "server": "What it cannot tell",
	} {
		p.at("/settings/" + section)
		p.shows(text)
		p.look("settings-" + section)
	}
	p.devices()
	p.recovery()
}

// recovery checks and replaces the recovery key.
func (p *tour) recovery() {
	p.at("/settings/security")
	p.enters("0000-1111", "Check your note")
	p.shows("a character is wrong")
	p.look("recovery-malformed")
	p.enters(p.key, "Check your note")
	p.shows("This is your recovery key.")
	p.look("recovery-current")
	p.Click("button", "Replace the key")
	p.enters("0000-1111", "Continue")
	p.Await("alert", "")
	p.look("recovery-now")
	p.enters(p.key, "Continue")
	p.sees("dialog .recovery")
	p.look("recovery-next")
	p.key = p.shownKey()
	p.Click("button", "Continue")
	p.Await("textbox", "New recovery key")
	p.look("recovery-again")
	p.enters(p.key, "Replace the key")
	p.shows("Your recovery key is replaced")
	p.look("recovery-done")
	p.Click("button", "Done")
}

// languages are some screens in others than English.
func (p *tour) languages() {
	for _, name := range []string{"ar", "de"} {
		p.at("/settings/appearance")
		p.choose("select:has([value=ar])", name)
		p.Until("document.documentElement.lang === " + quote(name))
		p.look(name + "-appearance")
		for place, ready := range map[string]string{"": ".row", "settings/server": ".facts tbody", "settings/privacy": ".switch", "settings/security": ".key-field", "settings/devices": ".devices li", "new": ".glyph"} {
			p.at("/" + place)
			p.sees(ready)
			p.look(name + "-" + strings.ReplaceAll("list/"+place, "/", "-"))
		}
		for _, who := range []string{"Beatriz", "The Reading Circle"} {
			p.at("/")
			p.Click("link", who)
			p.sees(".message")
			p.look(name + "-conversation-" + who[:3])
			p.at(browsertest.Eval[string](p.Page, place) + "/info")
			p.sees(".details .portrait")
			p.look(name + "-details-" + who[:3])
		}
		p.at("/")
	}
	p.at("/settings/appearance")
	p.choose("select:has([value=ar])", "en")
	p.Until(`document.documentElement.lang === "en"`)
}

// end locks the application, and takes the server away.
func (p *tour) end() {
	p.at("/settings")
	p.Click("button", "Lock now")
	p.Await("button", "Unlock")
	p.look("lock")
	p.elsewhere()
	p.Write("Passphrase", "a calm morning")
	p.Click("button", "Unlock")
	p.Await("alert", "")
	p.look("lock-wrong")
	p.Write("Passphrase", "a calm evening")
	p.Click("button", "Unlock")
	p.Await("button", "Lock now")
	p.at("/settings/security")
	p.Click("button", "Erase everything")
	p.Await("button", "Cancel")
	p.look("confirm-erase")
	p.Click("button", "Cancel")
	p.at("/")
	p.Click("link", "Beatriz")
	p.reads("Lovely")
	p.town.version.Store(1)
	p.Until(`navigator.serviceWorker.getRegistration().then(r => r.update()).then(() => true)`)
	p.shows("A new version is ready.")
	p.look("update")
	p.Expect("WebSocket connection to|net::ERR_")
	p.town.Stop(p.t)
	p.shows("Offline.")
	p.say("Written without a connection")
	p.look("offline")
	p.away()
}
