// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"bytes"
	"image"
	"image/draw"
	"image/png"
	"testing"

	"rsc.io/qr"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// films puts the code on somebody's screen before the camera.
func (p *person) films(other *person) {
	p.t.Helper()
	other.sees(".qr")
	other.settleDown()
	box := browsertest.Eval[struct{ X, Y, Width, Height float64 }](other.Page, `document.querySelector(".qr").getBoundingClientRect().toJSON()`)
	screen, err := png.Decode(bytes.NewReader(other.Screenshot()))
	must(p.t, err)
	code := image.NewRGBA(image.Rect(0, 0, int(box.Width), int(box.Height)))
	draw.Draw(code, code.Bounds(), screen, image.Pt(int(box.X), int(box.Y)), draw.Src)
	browsertest.Film(p.t, code)
}

// filmText puts a code that holds a text before the camera.
func filmText(t *testing.T, text string) {
	t.Helper()
	code, err := qr.Encode(text, qr.M)
	must(t, err)
	picture, err := png.Decode(bytes.NewReader(code.PNG()))
	must(t, err)
	browsertest.Film(t, picture)
}

// verifies opens the screen that compares codes with somebody.
func (p *person) verifies(name string) {
	p.t.Helper()
	p.Click("button", "Details of "+name)
	p.Click("button", "Verif")
	p.sees(".numbers")
}

// People find and verify each other by the codes on their screens.
func TestScanner(t *testing.T) {
	w := newTown(t)
	ana, bea := w.settle(t, phone, "ana", ""), w.settle(t, desktop, "bea", "")
	ana.Allow("camera")
	bea.Allow("camera")
	bea.Click("button", "Share your address")
	ana.films(bea)
	ana.Click("button", "New conversation")
	ana.Click("button", "Scan a code")
	ana.say("Hello, I am ana")
	bea.Click("button", "Close")
	bea.Click("button", "Requests")
	bea.Click("link", "Ana")
	bea.reads("Hello, I am ana")
	bea.Click("button", "Accept")

	ana.verifies("Bea")
	bea.verifies("Ana")
	ana.films(bea)
	ana.Click("button", "Scan their code")
	ana.shows("The codes agree. This is Bea.")
	ana.Click("button", "Done")
	ana.Await("image", "Verified")
	ana.Click("button", "Verif")
	bea.films(ana)
	bea.Click("button", "Scan their code")
	bea.shows("The codes agree. This is Ana.")
	bea.Click("button", "Done")
	bea.Await("image", "Verified")
}

// A code of other people does not pass, and says what that may mean.
func TestScannedCodeOfOthers(t *testing.T) {
	w := newTown(t)
	ana, bea, cid := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", ""), w.terminal(t, "cid")
	ana.Allow("camera")
	ana.meet(bea)
	ana.verifies("Bea")
	theirs, _, err := cid.People().Safety(t.Context(), account.Address{Name: "bea", Host: w.Host})
	must(t, err)
	filmText(t, theirs.Code())
	ana.Click("button", "Scan their code")
	ana.shows("The codes differ.")
	ana.Click("button", "Back")

	filmText(t, w.home()+"/#/add/"+bea.address())
	ana.Click("button", "Scan their code")
	ana.shows("This is no code to compare.")
	if ana.Sees("image", "Verified") {
		t.Error("who was not verified has a seal")
	}
}

// Who denies the camera is told, and types the address.
func TestDeniedCamera(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, phone, "ana", ""), w.settle(t, desktop, "bea", "")
	ana.Click("button", "New conversation")
	ana.Click("button", "Scan a code")
	ana.shows("does not allow the camera here")
	ana.Write("Name or address", bea.address())
	ana.Click("button", "Write to")
	ana.say("typed instead")
}

// A voice message is heard as it was recorded; one that is cancelled is gone,
// and the microphone is off after both.
func TestVoiceMessage(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, phone, "ana", ""), w.settle(t, desktop, "bea", "")
	ana.Allow("microphone")
	ana.meet(bea)
	ana.Until(`(() => {
		const devices = navigator.mediaDevices, open = devices.getUserMedia.bind(devices)
		globalThis.tracks = []
		devices.getUserMedia = async wanted => { const s = await open(wanted); tracks.push(...s.getTracks()); return s }
		return true
	})()`)
	off := `tracks.length > 0 && tracks.every(track => track.readyState === "ended")`

	ana.Click("button", "Record a voice message")
	ana.Until(`document.querySelector(".recording [role=timer]")?.textContent === "0:02"`)
	ana.Click("button", "Cancel")
	ana.Await("textbox", "Message to")
	ana.Until(off)
	ana.say("after the one that was cancelled")

	ana.Click("button", "Record a voice message")
	ana.Until(`document.querySelector(".recording [role=timer]")?.textContent === "0:02"`)
	ana.Click("button", "Send")
	ana.Await("textbox", "Message to")
	ana.Until(off)
	bea.reads("after the one that was cancelled")
	bea.Until(`new Set([...document.querySelectorAll(".message.other .voice rect")].map(bar => bar.getAttribute("height"))).size > 2`)
	if n := browsertest.Eval[int](bea.Page, `document.querySelectorAll(".voice").length`); n != 1 {
		t.Errorf("%d voice messages arrived", n)
	}
	bea.Click("button", "Speed 1")
	bea.Await("button", "Speed 1.5")
	bea.Click("button", "Play")
	bea.Until(`(a => a.playbackRate === 1.5 && a.currentTime > 0.5)(document.querySelector(".voice audio"))`)
	bea.sees(".voice .done")
	bea.Until(`document.querySelector(".voice audio").ended`)
	bea.Await("button", "Play")
}
