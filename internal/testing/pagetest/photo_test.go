// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp/kb"

	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

const camera = "SpyCam 3000"

// photo is a JPEG picture that says what camera took it, where, and that it
// has to be turned to be upright.
func photo(t *testing.T, width, height int) []byte {
	t.Helper()
	drawn, err := png.Decode(bytes.NewReader(landscape(width, height, 20)))
	must(t, err)
	var out bytes.Buffer
	must(t, jpeg.Encode(&out, drawn, nil))
	// TIFF: a directory of three entries, then the maker's name, then that of
	// the position: 52 degrees north (CIPA DC-008, Exif).
	var tiff bytes.Buffer
	le := binary.LittleEndian
	put := func(all ...any) {
		for _, v := range all {
			must(t, binary.Write(&tiff, le, v))
		}
	}
	const names, places = 8 + 2 + 3*12 + 4, 64
	put([]byte("II"), uint16(42), uint32(8), uint16(3))
	put(uint16(0x010f), uint16(2), uint32(len(camera)+1), uint32(names))
	put(uint16(0x0112), uint16(3), uint32(1), uint32(6)) // a quarter to the right
	put(uint16(0x8825), uint16(4), uint32(1), uint32(places), uint32(0))
	put([]byte(camera + "\x00"))
	put(make([]byte, places-tiff.Len()))
	put(uint16(2), uint16(1), uint16(2), uint32(2), []byte("N\x00\x00\x00"))
	put(uint16(2), uint16(5), uint32(3), uint32(places+2+2*12+4), uint32(0))
	put(uint32(52), uint32(1), uint32(31), uint32(1), uint32(12), uint32(1))
	segment := append([]byte("Exif\x00\x00"), tiff.Bytes()...)
	all := append([]byte{0xff, 0xd8, 0xff, 0xe1}, binary.BigEndian.AppendUint16(nil, uint16(len(segment)+2))...)
	return append(append(all, segment...), out.Bytes()[2:]...)
}

// got waits until a message with so many attachments has come, and returns
// their names and bytes.
func got(t *testing.T, c *client.Client, conv chat.ConversationID, text string) (names []string, files [][]byte) {
	t.Helper()
	var found chat.Message
	eventually(t, text, func() bool {
		ok := false
		must(t, c.Messages().History(conv, func(m chat.Message) bool {
			if m.Text == text {
				found, ok = m, true
			}
			return !ok
		}))
		return ok
	})
	for _, a := range found.Attachments {
		r, _, err := c.Files().Open(t.Context(), conv, found.ID, a.Index)
		must(t, err)
		b, err := io.ReadAll(r)
		must(t, err)
		must(t, r.Close())
		names, files = append(names, a.Name), append(files, b)
	}
	return names, files
}

// clean checks that a picture is upright and says nothing of its camera.
func clean(t *testing.T, name string, b []byte, width, height int) {
	t.Helper()
	for _, mark := range []string{"Exif", camera, "II*\x00", "http://ns.adobe.com"} {
		if bytes.Contains(b, []byte(mark)) {
			t.Errorf("%s says %q", name, mark)
		}
	}
	config, kind, err := image.DecodeConfig(bytes.NewReader(b))
	must(t, err)
	if config.Width != width || config.Height != height || kind != "jpeg" {
		t.Errorf("%s is a %s of %d by %d", name, kind, config.Width, config.Height)
	}
}

// drops lets go of files over what a CSS selector finds.
func (p *person) drops(selector string, paths ...string) {
	p.t.Helper()
	at := browsertest.Eval[struct{ X, Y, Width, Height float64 }](p.Page, "document.querySelector("+quote(selector)+").getBoundingClientRect().toJSON()")
	data := &input.DragData{Items: []*input.DragDataItem{}, Files: paths, DragOperationsMask: 1}
	for _, kind := range []input.DispatchDragEventType{input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop} {
		browsertest.Call(p.Page, input.DispatchDragEvent, input.DispatchDragEventParams{Type: kind, X: at.X + at.Width/2, Y: at.Y + at.Height/2, Data: data})
	}
}

// pastes puts a picture of the clipboard into the composer.
func (p *person) pastes(picture []byte, name string) {
	p.t.Helper()
	p.Until(`(() => {
		const clipboardData = new DataTransfer(), bytes = Uint8Array.from(atob("` + base64.StdEncoding.EncodeToString(picture) + `"), c => c.charCodeAt(0))
		clipboardData.items.add(new File([bytes], ` + quote(name) + `, { type: "image/jpeg" }))
		return !document.querySelector("textarea").dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }))
	})()`)
}

// Pictures are drawn anew before they are sent, however they came, unless they
// go as files; and they are looked at without a mouse.
func TestPhotos(t *testing.T) {
	t.Parallel()
	for _, s := range []screen{desktop, phone} {
		t.Run(s.name, func(t *testing.T) {
			w := newTown(t)
			ana, ted := w.settle(t, s, "ana", ""), w.terminal(t, "ted")
			ana.writeTo("ted@"+w.Host, "Look")
			with := accepts(t, ted)
			raw := photo(t, 60, 40)
			path := filepath.Join(t.TempDir(), "IMG_0001.jpg")
			must(t, os.WriteFile(path, raw, 0o600))

			ana.Choose(`input[accept="image/*"]`, path)
			ana.Until(`document.querySelectorAll(".card img").length === 1`)
			ana.pastes(raw, "image.jpg")
			ana.Until(`document.querySelectorAll(".card img").length === 2`)
			ana.drops("textarea", path)
			ana.Until(`document.querySelectorAll(".card img").length === 3`)
			ana.writes("three of them")
			names, files := got(t, ted, with, "three of them")
			if len(files) != 3 {
				t.Fatalf("%q arrived", names)
			}
			for i, b := range files {
				clean(t, names[i], b, 40, 60)
				if strings.Contains(names[i], "IMG") {
					t.Errorf("the name %q tells how the camera counts", names[i])
				}
			}

			ana.Click("button", "Attach")
			ana.Await("menuitem", "Files, as they are")
			ana.Press(kb.Escape)
			ana.Choose(`input[type=file]:not([accept])`, path)
			ana.shows("IMG_0001.jpg")
			ana.writes("as it is")
			if _, files := got(t, ted, with, "as it is"); len(files) != 1 || !bytes.Equal(files[0], raw) {
				t.Error("a file is not what it was")
			}
			ana.looksAround()
		})
	}
}

// looksAround looks at the three pictures with the keyboard.
func (p *person) looksAround() {
	p.t.Helper()
	p.Until(`(document.querySelector(".picture").focus(), document.activeElement.matches(".picture"))`)
	p.Press(kb.Enter)
	p.sees(".stage img")
	p.shows("1 / 3")
	p.Press(kb.ArrowRight)
	p.shows("2 / 3")
	p.Press(kb.ArrowLeft)
	p.Press(kb.ArrowLeft)
	p.shows("3 / 3")
	p.sees(".stage img")
	p.Press("+")
	p.sees(".stage.large")
	p.Press(kb.Escape)
	p.Until(`!document.querySelector("dialog") && document.activeElement === document.querySelector(".picture")`)
}
