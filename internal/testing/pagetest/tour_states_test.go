// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"strings"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp/kb"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// stage stands between a page and its worker, and plays what seldom happens:
// calls that take long or fail, a core that does not begin, no shared workers,
// and conversations that change.
const stage = `(() => {
	const stage = globalThis.stage = {fails: [], holds: [], answers: {}, ...JSON.parse(sessionStorage.stage ?? "{}"), known: {}}
	if (stage.alone) return void delete globalThis.SharedWorker
	globalThis.SharedWorker = class extends SharedWorker {
		constructor(...how) {
			super(...how)
			const port = this.port, post = port.postMessage.bind(port)
			const say = data => queueMicrotask(() => port.onmessage ? port.onmessage({data}) : setTimeout(say, 0, data)) // a port waits for who listens
			port.postMessage = request => {
				const {id, name} = request
				if (stage.broken) say({kind: "failed", problem: stage.broken})
				else if (stage.fails.includes(name)) say({kind: "answer", id, problem: {code: "failed", text: ""}})
				else if (name in stage.answers) say({kind: "answer", id, answer: stage.answers[name]})
				else if (!stage.holds.includes(name)) post(request)
			}
			const know = c => stage.known[c.name] = c
			port.addEventListener("message", ({data}) => {
				data.answer?.conversations?.forEach(know)
				data.events?.forEach(e => e.name === "conversation" && know(e.data.conversation))
			})
			stage.tell = (name, data) => port.onmessage({data: {kind: "events", events: [{name, data}]}})
			stage.change = (name, changes) => stage.tell("conversation", {conversation: {...stage.known[name], ...changes}})
		}
	}
})()`

// plays loads the page anew with something on the stage.
func (p *tour) plays(what string) {
	p.t.Helper()
	p.Until(`(sessionStorage.stage = ` + quote(what) + `, true)`)
	p.Do(reload())
}

// has runs something on the stage.
func (p *tour) has(script string) {
	p.t.Helper()
	p.Until("(" + script + ", true)")
}

// slow is what the page shows as long as the core does not answer,
// and when it cannot.
func (p *tour) slow() {
	p.beside = p.Another()
	p.beside.Expect("WebSocket connection to|net::ERR_") // in the end the server goes away
	p.beside.Go(p.town.home())
	p.beside.Await("link", "Beatriz")
	browsertest.Call(p.Page, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: stage})
	p.at("/")
	p.Click("link", "Beatriz")
	p.reads("Lovely")
	p.plays(`{"holds": ["hello"]}`)
	p.sees(".shell .skeletons")
	p.look("loading")
	p.plays(`{"holds": ["conversations"]}`)
	p.sees(".main .skeletons")
	p.look("loading-conversation")
	p.at("/")
	p.sees(".side .skeletons")
	p.look("loading-list")
	p.plays(`{"fails": ["conversations"]}`)
	p.shows("Your conversations could not be read")
	p.look("list-failed")
	p.plays(`{"holds": ["page", "members", "search"]}`)
	p.Click("link", "The Reading Circle")
	p.sees(".ghosts")
	p.look("loading-messages")
	p.Click("button", "Details of")
	p.sees(".details .skeletons")
	p.look("loading-details")
	p.plays(`{"fails": ["page", "contact"]}`)
	p.at("/")
	p.Click("link", "Beatriz")
	p.shows("The messages could not be read")
	p.look("messages-failed")
	p.Click("button", "Details of")
	p.Await("button", "Try again")
	p.look("contact-failed")
	p.plays(`{"broken": {"code": "failed", "text": "the browser refuses to store anything"}}`)
	p.shows("SecureCrypt cannot start")
	p.look("broken")
	p.plays(`{"fails": ["hello"]}`)
	p.Await("button", "Erase everything")
	p.look("broken-erase")
}

// troubled are conversations in which something is wrong.
func (p *tour) troubled() {
	p.plays(`{"answers": {"compare": {"match": false}}}`)
	p.at("/")
	p.Click("link", "Beatriz")
	p.reads("Lovely")
	p.has(`stage.tell("failure", {conversation: stage.known["Beatriz Almeida"].id, error: {code: "impostor", text: ""}})`)
	p.Await("alert", "")
	p.look("caution")
	p.Click("button", "Close")
	p.has(`stage.change("Beatriz Almeida", {status: "lost"})`)
	p.shows("Write to begin a new conversation.")
	p.Await("button", "Write")
	p.look("lost")
	p.has(`stage.change("Beatriz Almeida", {status: "pending"})`)
	p.shows("Another device is bringing this conversation here.")
	p.look("pending")
	p.at("/")
	p.has(`stage.tell("history", {device: "", given: false, done: 3, total: 12})`)
	p.shows("Your conversations are arriving: 3 of 12")
	p.look("arriving")
	p.has(`stage.tell("history", {device: "", given: false, done: 12, total: 12})`)
	p.has(`stage.tell("trouble", {kind: "revoked", ahead: 0, at: Date.now()})`)
	p.Click("link", "Beatriz")
	p.Await("button", "Keep reading")
	p.look("revoked")
	p.has(`stage.tell("trouble", {kind: "", ahead: 0, at: 0})`)
	p.has(`stage.change("Beatriz Almeida", {status: "stopped"})`)
	p.shows("Sending is off")
	p.look("stopped")
	p.Click("button", "Compare codes")
	p.Click("button", "They are the same")
	p.shows("The codes differ")
	p.look("verify-differ")
	p.Click("button", "Back")
	p.Click("button", "Scan their code")
	p.Until(`document.querySelector("video")?.currentTime > 0`)
	p.look("verify-scan")
	p.Click("button", "Close")
	p.at("/")
	p.Click("link", "Tom")
	p.Click("button", "Details of")
	p.Click("button", "Block")
	p.Await("button", "Cancel")
	p.look("confirm-block")
	p.Until(`(document.querySelector("dialog .filled").click(), true)`)
	p.shows("You blocked Tom.")
	p.at(strings.TrimSuffix(browsertest.Eval[string](p.Page, place), "/info"))
	p.look("blocked")
	must(p.t, p.bea.Groups().Remove(p.t.Context(), p.circle, []account.Address{p.self()}))
	p.at("/")
	p.Click("link", "The Reading Circle")
	p.shows("You were removed from this group.")
	p.look("removed")
}

// busy are conversations with much in them, or little, while something is done.
func (p *tour) busy() {
	ctx, t := p.t.Context(), p.t
	p.at("/new")
	p.Click("button", "Note to self")
	p.say("Return the book on Sunday")
	p.look("notes")
	p.Click("button", "Details of Note to self")
	p.sees(".details .portrait")
	p.look("notes-details")
	p.at("/")
	p.Click("link", "Sunday walks")
	p.shows("Say hello")
	p.look("conversation-empty")
	p.Click("button", "Actions")
	p.Click("menuitem", "Archive")
	p.shows("Undo")
	p.look("toast")
	p.has(`document.querySelector(".toast .icon-button")?.click()`)
	p.at("/")
	p.Click("link", "Beatriz")
	p.has(`stage.change("Beatriz Almeida", {status: "active"})`)
	p.Await("textbox", "Message to")
	p.has(`document.querySelector("textarea").focus()`)
	p.Press(kb.ArrowUp)
	p.Await("button", "Save")
	p.look("editing")
	p.Click("button", "Cancel")
	p.has(`(() => {
		const dataTransfer = new DataTransfer()
		dataTransfer.items.add(new File([], "held.txt"))
		return !document.querySelector(".composer").dispatchEvent(new DragEvent("dragover", {dataTransfer, bubbles: true, cancelable: true}))
	})()`)
	p.sees(".composer.over")
	p.look("dropping")
	p.has(`document.querySelector(".composer").dispatchEvent(new DragEvent("dragleave", {bubbles: true}))`)
	p.act("From the lake", "Forward")
	p.Await("option", "Olga")
	p.look("pass")
	p.Press(kb.Escape)
	p.has(`stage.tell("typing", {conversation: stage.known["Beatriz Almeida"].id, from: "bea", author: "Beatriz Almeida", on: true})`)
	p.sees(".writing")
	p.look("typing")

	people := append(p.town.absent(t, 44), p.self())
	ted := p.neighbour("ted", "Ted of the choir")
	id, err := ted.CreateGroup(ctx, "The whole choir, with its friends and neighbours, and theirs", people)
	must(t, err)
	must(t, ted.WaitUntilSent(ctx, id))
	p.at("/requests")
	p.Click("link", "The whole choir")
	p.Await("button", "Accept")
	p.look("request-group")
	p.Click("button", "Accept")
	p.Await("textbox", "Message to")
	p.Click("button", "Details of")
	p.Await("button", "Show all 46")
	p.Until(`(document.querySelector(".details .scroll").scrollTop = 1e6, true)`)
	p.look("group-crowded")
	p.crowd()
}

// crowd is a list with everything in it that a row can have.
func (p *tour) crowd() {
	p.at("/")
	p.has(`(() => {
		const one = stage.known["Beatriz Almeida"], names = ["Ana Maria", "בני", "The choir", "مريم", "Zoë", "neighbours@" + location.host]
		for (let i = 0; i < 300; i++) {
			const group = i % 6 === 2
			stage.tell("conversation", {conversation: {...one, id: "crowd" + i, peer: group ? "" : "p" + i + "@" + location.host, group, name: names[i % 6] + (i < 6 ? "" : " " + i), activity: Date.now() - i * i * 4e6,
				pinned: i < 3, unread: [0, 4, 12345, 0][i % 4], mentioned: i % 5 === 2, verified: i % 3 === 0, mutedUntil: i % 7 === 1 ? 1e15 : 0, draft: i % 11 === 3 ? "A letter that is not finished" : "",
				last: {...one.last, own: i % 2 === 0, notice: null, attachments: [], text: "A message of some length, as people write them", state: ["sent", "delivered", "read", "waiting", "failed"][i % 5]}}})
		}
		stage.tell("typing", {conversation: "crowd4", from: "p4", author: "Zoë", on: true})
	})()`)
	p.shows("Ana Maria")
	p.look("list-crowded")
	p.has(`(() => {
		const row = document.querySelector('[aria-posinset="3"] .row'), {x, y} = row.getBoundingClientRect()
		for (const [name, dx] of [["pointerdown", 0], ["pointermove", 20], ["pointermove", 90]]) row.dispatchEvent(new PointerEvent(name, {bubbles: true, pointerType: "touch", clientX: x + 80 + dx, clientY: y + 20}))
	})()`)
	p.sees(".under")
	p.look("row-pulled")
	p.has(`document.querySelector('[aria-posinset="3"] .row').dispatchEvent(new PointerEvent("pointercancel", {bubbles: true, pointerType: "touch"}))`)
	p.WriteIn("searchbox", "Search", "lake")
	p.shows("From the lake")
	p.look("search-messages")
	p.Until(`(document.querySelector("[type=search]").select(), true)`)
	p.Insert("something that nobody wrote")
	p.shows("Nothing found")
	p.look("search-none")
	p.Click("button", "Clear")
	p.plays(`{}`)
	p.Await("link", "Beatriz")
}

// away is a page whose server cannot be reached.
func (p *tour) away() {
	p.at("/")
	p.look("offline-list")
	p.at("/settings/server")
	p.Await("alert", "")
	p.look("server-offline")
	p.at("/new")
	p.Write("Name or address", "nobody@"+p.town.Host)
	p.Click("button", "Write to")
	p.Until(`document.querySelector(".side .error, .side [type=submit]:disabled")`)
	p.look("new-offline")
}

// elsewhere is a tab beside one that works, where browsers have no shared workers.
func (p *tour) elsewhere() {
	p.beside.Until(`(navigator.locks.request("securecrypt seat", () => new Promise(() => {})), true)`)
	p.plays(`{"alone": true}`)
	p.shows(elsewhere)
	p.look("elsewhere")
	p.plays(`{}`)
	p.Await("button", "Unlock")
}
