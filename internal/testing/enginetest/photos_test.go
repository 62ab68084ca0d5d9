// SPDX-License-Identifier: AGPL-3.0-or-later

package enginetest

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/securecrypt/securecrypt/client/chat"
)

// photo returns a picture as cameras make them: no two points are alike.
func photo(t *testing.T) []byte {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	picture := image.NewRGBA(image.Rect(0, 0, 300, 400))
	for i := range picture.Pix {
		picture.Pix[i] = uint8(random.Uint32())
	}
	for y := range 400 {
		for x := range 300 {
			c := picture.RGBAAt(x, y)
			picture.SetRGBA(x, y, color.RGBA{c.R, c.G, c.B, 255})
		}
	}
	var b bytes.Buffer
	must(t, png.Encode(&b, picture))
	return b.Bytes()
}

// A photo that is drawn again does not grow, and the settings say what the
// browser tells of its storage, or nothing.
func photos(t *testing.T, w *town, e Engine) {
	ted, ana := w.friend("ted"), w.visit(e)
	ana.creates("")
	ana.writesTo(ted, "A picture comes")
	id := ted.accepts()
	path := filepath.Join(t.TempDir(), "photo.png")
	original := photo(t)
	must(t, os.WriteFile(path, original, 0o600))
	must(t, ana.Choose(`input[accept="image/*"]`, path))
	ana.until(`document.querySelector(".card img")`)
	ana.click("button", "Send")
	m := ted.reads(id, "the picture", func(m chat.Message) bool { return len(m.Attachments) == 1 })
	if a := m.Attachments[0]; a.Type == "image/png" || a.Size > int64(len(original)) {
		t.Errorf("a photo of %d bytes became %s of %d", len(original), a.Type, a.Size)
	}
	ana.at("/settings/storage")
	ana.shows("kept encrypted in this browser")
	ana.until(`!document.body.innerText.includes("…")`)
}
