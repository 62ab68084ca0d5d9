// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// field tells whether the field has a text.
func field(text string) string { return `document.querySelector("textarea").value === ` + quote(text) }

// What somebody calls another person is seen by nobody else, though it finds them.
func TestMentionTellsNoPrivateName(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, desktop, "bea", "")
	ana.meet(bea)
	ana.Click("button", "Details of")
	ana.Write("Name for you", "Secret Nick")
	ana.Click("button", "Save")
	ana.at("/")
	ana.Click("button", "New conversation")
	ana.Click("button", "New group")
	ana.Write("Name of the group", "Choir")
	ana.WriteIn("searchbox", "Name or address", bea.address())
	ana.Click("button", bea.address())
	ana.Click("button", "Create with")
	ana.say("Welcome")
	bea.Click("link", "Choir") // they know each other
	ana.Write("Message to", "come, ")
	ana.Insert("@Ni")
	ana.Await("option", "Secret Nick")
	ana.Press(kb.Tab)
	ana.Until(field("come, @bea "))
	ana.Click("button", "Send")
	bea.reads("come, @bea")
	bea.Until(`[...document.querySelectorAll(".mention")].map(e => e.innerText).join() === "@bea" && !document.body.textContent.includes("Nick")`)
	bea.sees(".message.other .for-me")
	ana.act("come, @bea", "Edit")
	ana.Until(field("come, @bea"))
	ana.replaces("stay, @bea")
	bea.reads("stay, @bea")
	bea.Until(`[...document.querySelectorAll(".mention")].map(e => e.innerText).join() === "@bea"`)
}

// Whom the list offers is mentioned where the cursor is, and only while it is there.
func TestMentionsFollowTheCursor(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.found("Choir", bea)
	ana.Write("Message to", "hello ")
	ana.Insert("@b")
	ana.Await("option", "Bea")
	ana.Press(kb.Home)
	ana.Until(`!document.querySelector(".mention-option")`)
	ana.Press(kb.End)
	ana.Insert("e")
	ana.Await("option", "Bea")
	ana.Until(`(document.querySelector("textarea").setSelectionRange(0, 0), true)`)
	ana.Press(kb.Enter)
	ana.Until(`document.querySelector("textarea").value.trim() === "hello @be"`)
	ana.Click("button", "Send")
	ana.reads("hello @be")

	ana.Write("Message to", "@b")
	ana.Await("option", "Bea")
	ana.Until(`document.querySelector("textarea").dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", isComposing: true, bubbles: true, cancelable: true}))`)
	ana.Until(field("@b"))
	ana.Until(`(document.querySelector("textarea").blur(), true)`)
	ana.Until(`!document.querySelector(".mention-option")`)
}

// The arrow that leads to other conversations edits nothing.
func TestArrowsWithModifiers(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	ana.hasFocus("textarea")
	ana.Press(kb.ArrowUp, chromedp.ModifierAlt)
	ana.Until(`new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r(!document.querySelector(".above")))))`)
	ana.Press(kb.ArrowUp)
	ana.sees(".above")
}

// pasted gives the field a copy of a text and a file, and tells whether the page took it.
func pasted(text, file string) string {
	return `(() => {
		const clipboardData = new DataTransfer()
		clipboardData.setData("text/plain", ` + quote(text) + `)
		clipboardData.items.add(new File(["x"], ` + quote(file) + `, { type: "application/pdf" }))
		return !document.querySelector("textarea").dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }))
	})()`
}

// Of what is pasted and dropped files become cards, and texts go where they
// belong; folders are refused with words.
func TestPasteAndDrop(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	if browsertest.Eval[bool](ana.Page, pasted("a table\t1", "image.png")) {
		t.Error("a picture of a text takes the place of the text")
	}
	if !browsertest.Eval[bool](ana.Page, pasted("/home/ana/notes.pdf", "notes.pdf")) {
		t.Error("the name of a file takes its place")
	}
	ana.shows("notes.pdf")
	ana.Click("button", "Remove notes.pdf")

	folder := filepath.Join(t.TempDir(), "folder")
	must(t, os.Mkdir(folder, 0o700))
	file := filepath.Join(t.TempDir(), "file.txt")
	must(t, os.WriteFile(file, []byte("file"), 0o600))
	ana.drops("textarea", folder, file)
	ana.shows("A folder cannot be sent")
	ana.shows("file.txt")
	ana.Until(`document.querySelectorAll(".card").length === 1`)

	dropped := func(where, what string) bool {
		return browsertest.Eval[bool](ana.Page, `(() => {
			const dataTransfer = new DataTransfer()
			dataTransfer.items.add(`+what+`)
			return ["dragover", "drop"].every(kind => !document.querySelector("`+where+`").dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true })))
		})()`)
	}
	if dropped("textarea", `"words", "text/plain"`) {
		t.Error("a text that is dropped does not reach the field")
	}
	if !dropped(".side", `new File(["x"], "x.html", { type: "text/html" })`) {
		t.Error("a file that nothing takes is opened in the place of the page")
	}
	ana.Until(`document.querySelectorAll(".card").length === 1 && !document.querySelector(".over")`)
}

// What is sent in one tab is no draft in another one.
func TestDraftInTwoTabs(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	ana.Write("Message to", "half a thought")
	ana.shows("Draft:")
	second := &person{Page: ana.Another(), t: t, town: w, name: "ana"}
	second.Size(desktop.width, desktop.height, false)
	second.Go(w.home())
	second.Click("link", "Bea")
	second.Until(field("half a thought"))
	ana.Insert(" and the rest")
	second.Until(field("half a thought and the rest"))
	second.Click("button", "Send")
	ana.Until(field(""))
	ana.reads("half a thought and the rest")
}
