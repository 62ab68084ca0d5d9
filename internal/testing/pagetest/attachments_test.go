// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/gif"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// What a stranger sends is fetched when it is asked for: their server learns when. Once they are let in it comes by itself.
func TestNothingIsFetchedForStrangers(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	lake, sound := filepath.Join(t.TempDir(), "lake.png"), filepath.Join(t.TempDir(), "sound.wav")
	must(t, os.WriteFile(lake, landscape(90, 60, 200), 0o600))
	must(t, os.WriteFile(sound, hum(2), 0o600))
	bea.writeTo(ana.address(), "Hello, I am bea")
	bea.Choose(`input[accept="image/*"]`, lake)
	bea.Click("button", "Send")
	bea.sees(".message.own .picture img")
	bea.Choose(`input[type=file]:not([accept])`, sound)
	bea.Click("button", "Send")
	bea.sees(".message.own .voice audio")
	ana.Click("button", "Requests")
	ana.Click("link", "Bea")
	ana.reads("Hello, I am bea")
	ana.Await("button", "Load the picture")
	ana.Until(`document.querySelector(".voice")`)
	const fetched = `document.querySelectorAll(".picture img, .voice audio").length`
	ana.Until(`new Promise(r => setTimeout(() => r(true), 1500))`)
	if n := browsertest.Eval[int](ana.Page, fetched); n != 0 {
		t.Errorf("%d files of a stranger were fetched", n)
	}
	ana.Click("button", "Load the picture")
	ana.sees(".picture img")
	if n := browsertest.Eval[int](ana.Page, fetched); n != 1 {
		t.Errorf("%d files were fetched, not the one", n)
	}
	ana.Click("button", "Accept")
	ana.sees(".voice audio")
	ana.Until(`Number(document.querySelector(".voice input").max) >= 1 && !document.querySelector(".voice input").disabled`)
}

// A picture that cannot be drawn anew is not sent with what its file says
// beside it; one that moves goes on moving without that.
func TestPicturesKeepNothing(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	ana.Until(`(() => { globalThis.made = []; const make = URL.createObjectURL; return URL.createObjectURL = b => (made.push(b), make.call(URL, b)) })()`)
	dir := t.TempDir()
	var moving bytes.Buffer
	frame := image.NewPaletted(image.Rect(0, 0, 40, 30), color.Palette{color.Black, color.White})
	must(t, gif.EncodeAll(&moving, &gif.GIF{Image: []*image.Paletted{frame, frame}, Delay: []int{10, 10}}))
	const noted = "taken by somebody somewhere"
	begin := moving.Bytes()
	const head = 13 // frames that differ bring their own tables of colours
	commented := slices.Concat(begin[:head], []byte{0x21, 0xfe, byte(len(noted))}, []byte(noted), []byte{0}, begin[head:])
	files := map[string][]byte{"scan.tif": []byte("II*\x00GPS"), "camera.CR2": []byte("II*\x00GPS"), "photo.heic": []byte("\x00\x00\x00\x18ftypheic GPS"), "moving.gif": commented}
	for name, content := range files {
		must(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	for _, name := range []string{"scan.tif", "camera.CR2", "photo.heic"} {
		ana.Choose(`input[accept="image/*"]`, filepath.Join(dir, name))
		ana.Until(`[...document.querySelectorAll(".composer .error")].some(e => e.textContent.includes(` + quote(name) + `) && e.textContent.includes("Files, as they are"))`)
		if browsertest.Eval[bool](ana.Page, `document.querySelector(".card") !== null`) {
			t.Fatalf("%s is attached", name)
		}
	}
	ana.Choose(`input[accept="image/*"]`, filepath.Join(dir, "moving.gif"))
	ana.sees(".card img")
	ana.Click("button", "Send")
	bea.Until(`document.querySelector(".picture img")?.naturalWidth === 40`)
	sent, err := base64.StdEncoding.DecodeString(browsertest.Eval[string](ana.Page, `made[0].bytes().then(b => b.toBase64())`))
	must(t, err)
	if bytes.Contains(sent, []byte(noted)) {
		t.Error("what is noted in a GIF is sent")
	} else if got, err := gif.DecodeAll(bytes.NewReader(sent)); err != nil || len(got.Image) != 2 {
		t.Errorf("the GIF became %q: %v", sent, err)
	}
	ana.Choose(`input[type=file]:not([accept])`, filepath.Join(dir, "scan.tif"))
	ana.Click("button", "Send")
	bea.reads("scan.tif")
}
