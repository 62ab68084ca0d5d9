// SPDX-License-Identifier: AGPL-3.0-or-later

package enginetest

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/securecrypt/securecrypt/client/chat"
)

// flows are what people do, in every engine alike.
var flows = []struct {
	name string
	run  func(t *testing.T, w *town, e Engine)
}{
	{"chat", talk},
	{"first contact", firstContact},
	{"files", files},
	{"offline", offline},
	{"two tabs", twoTabs},
	{"passphrase", passphrase},
	{"lock when left", lockWhenLeft},
	{"photos and storage", photos},
	{"second device", secondDevice},
}

func TestFlows(t *testing.T) {
	for _, e := range Engines() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			for _, f := range flows {
				t.Run(f.name, func(t *testing.T) { f.run(t, newTown(t), e) })
			}
		})
	}
}

// An account without a passphrase talks, and everything is there after a reload
// and after a while without a page.
func talk(t *testing.T, w *town, e Engine) {
	ted, ana := w.friend("ted"), w.visit(e)
	ana.creates("")
	ana.writesTo(ted, "Hello Ted")
	id := ted.accepts()
	ted.hears(id, "Hello Ted")
	ted.says(id, "Hello **Ana**")
	ana.reads("Hello Ana")
	ana.until(`navigator.serviceWorker.controller`)
	ana.reloads()
	ana.reads("Hello Ana")
	if eval[bool](ana, `document.body.innerText.includes("A new version")`) {
		t.Error("the first version is offered as a newer one")
	}
	ana.leaves()
	ted.says(id, "are you there?")
	ana.goes("/")
	ana.click("link", "ted")
	ana.reads("are you there?")
	ana.says("I am")
	ted.hears(id, "I am")
}

// Somebody who is not known asks first.
func firstContact(t *testing.T, w *town, e Engine) {
	ted, ana := w.friend("ted"), w.visit(e)
	ana.creates("")
	address := ted.Address()
	address.Name = "ana"
	id, err := ted.Direct(t.Context(), address)
	must(t, err)
	ted.says(id, "You do not know me")
	ana.click("button", "Requests")
	ana.click("link", "ted")
	ana.reads("You do not know me")
	ana.click("button", "Accept")
	ana.says("Now I do")
	ted.hears(id, "Now I do")
}

// A second device is linked by a code and six digits, has the history, and writes as the
// same person.
func secondDevice(t *testing.T, w *town, e Engine) {
	ted, ana, tablet := w.friend("ted"), w.visit(e), w.visit(e)
	ana.creates("")
	ana.writesTo(ted, "From the first device")
	id := ted.accepts()
	ted.hears(id, "From the first device")
	ana.at("/settings/devices")
	ana.click("button", "Link a device")
	ana.until(`document.querySelector(".code-line")?.textContent.includes("/")`)
	tablet.click("button", "Link this device")
	tablet.writes("Code on the other device", eval[string](ana, `document.querySelector(".code-line").textContent`))
	tablet.click("button", "Continue")
	tablet.until(`document.querySelector(".big-digits")`)
	ana.until(`(f => f && !f.readOnly)(document.querySelector(".digits"))`)
	ana.writes("The six digits", eval[string](tablet, `document.querySelector(".big-digits").textContent`))
	ana.click("button", "Link the device")
	ana.shows("The device is linked")
	ana.click("button", "Done")
	tablet.opens("ted")
	tablet.reads("From the first device")
	tablet.says("From the second device")
	ted.hears(id, "From the second device")
	ted.says(id, "To both")
	tablet.reads("To both")
	ana.at("/")
	ana.click("link", "ted")
	ana.reads("To both")
	ana.reads("From the second device")
}

// Files go both ways, and arrive as they were.
func files(t *testing.T, w *town, e Engine) {
	ted, ana := w.friend("ted"), w.visit(e)
	ana.creates("")
	ana.writesTo(ted, "Files come")
	id := ted.accepts()
	content := bytes.Repeat([]byte("three megabytes "), 3<<20/16)
	path := filepath.Join(t.TempDir(), "minutes.txt")
	must(t, os.WriteFile(path, content, 0o600))
	must(t, ana.Choose("input[type=file]:not([accept])", path))
	ana.shows("minutes.txt")
	// The browser asks who leaves before all of it is on the device, unless what was sent goes on without a page.
	asks := eval[bool](ana, `(`+find+`("button", "Send").click(), !dispatchEvent(new Event("beforeunload", {cancelable: true})))`)
	if outlives := e.Name == "Chromium"; asks == outlives {
		t.Errorf("the browser asks before the page is left while a file is being stored: %t", asks)
	}
	m := ted.reads(id, "the file", func(m chat.Message) bool { return len(m.Attachments) == 1 })
	r, size, err := ted.Files().Open(t.Context(), id, m.ID, 0)
	must(t, err)
	defer func() { _ = r.Close() }()
	got, err := io.ReadAll(r)
	must(t, err)
	if size != int64(len(content)) || !bytes.Equal(got, content) {
		t.Errorf("the file arrived with %d bytes, not as it was", size)
	}
	_, err = ted.Send(t.Context(), id, chat.Draft{Text: "back to you", Files: []string{path}})
	must(t, err)
	ana.reads("back to you")
	// What is saved is what the page makes a link to.
	ana.until(`(() => { const make = URL.createObjectURL; globalThis.made ??= []; return URL.createObjectURL = b => (made.push(b), make.call(URL, b)) })()`)
	ana.click("button", "Save")
	ana.until(`made.length`)
	if sum := eval[int](ana, `made[0].arrayBuffer().then(b => b.byteLength)`); sum != len(content) {
		t.Errorf("the page saves %d bytes", sum)
	}
}

// What is written while the server is away is sent when it is back, also after a
// reload meanwhile.
func offline(t *testing.T, w *town, e Engine) {
	ted, ana := w.friend("ted"), w.visit(e)
	ana.creates("")
	ana.writesTo(ted, "Before")
	id := ted.accepts()
	ted.hears(id, "Before")
	ana.until(`navigator.serviceWorker.controller`)
	w.Stop(t)
	ana.says("while you are away")
	ana.reloads()
	ana.reads("while you are away")
	w.open(w.at)
	ted.hears(id, "while you are away")
	ted.says(id, "here again")
	ana.reads("here again")
}

// Two tabs show the same, and one goes on without the other.
func twoTabs(t *testing.T, w *town, e Engine) {
	ted, ana := w.friend("ted"), w.visit(e)
	ana.creates("")
	ana.writesTo(ted, "From the first")
	id := ted.accepts()
	second := ana.another()
	second.click("link", "ted")
	second.reads("From the first")
	second.says("From the second")
	ana.reads("From the second")
	must(t, second.Close())
	ana.says("On my own")
	ana.reloads()
	ana.reads("On my own")
	ana.says("And again")
	ted.hears(id, "And again")
}

// A passphrase opens the profile, can be removed, and can be set again.
func passphrase(t *testing.T, w *town, e Engine) {
	ted, ana := w.friend("ted"), w.visit(e)
	ana.creates("long words")
	ana.writesTo(ted, "Nobody else reads this")
	ana.at("/settings/security")
	ana.click("button", "Lock now")
	ana.unlocks("wrong words")
	ana.shows("That is not the passphrase.")
	ana.unlocks("long words")
	ana.writes("Present passphrase", "long words")
	ana.click("button", "Remove")
	ana.until(`!` + find + `("textbox", "Present passphrase")`)
	ana.leaves()
	ana.goes("/")
	ana.click("link", "ted")
	ana.reads("Nobody else reads this")
	ana.at("/settings/security")
	ana.writes("New passphrase", "other words")
	ana.writes("Confirm passphrase", "other words")
	ana.click("button", "Save")
	ana.sees("textbox", "Present passphrase")
	ana.click("button", "Lock now")
	ana.unlocks("other words")
	ana.sees("textbox", "Present passphrase")
}

// A profile with a passphrase is locked a moment after its last page is gone,
// wherever people went.
func lockWhenLeft(t *testing.T, w *town, e Engine) {
	ana := w.visit(e)
	ana.creates("long words")
	ana.leaves()
	ana.goes("/")
	ana.unlocks("long words")
	ana.sees("button", "New conversation")
	other := newTown(t) // another site
	must(t, ana.Go("http://"+other.Host+"/icon.svg"))
	ana.until("performance.now() > 8000")
	ana.goes("/")
	ana.unlocks("long words")
	ana.sees("button", "New conversation")
}
