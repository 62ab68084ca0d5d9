// SPDX-License-Identifier: AGPL-3.0-or-later

package browsertest

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	devtools "github.com/chromedp/cdproto/browser"
)

// The frames of the camera, in pixels.
const frameWidth, frameHeight = 640, 480

// film is the file that the browser's camera plays over and over.
func film() string { return filepath.Join(process.devices, "camera.y4m") }

// camera is the one that all pages have. A test that films keeps it until it has
// ended.
var camera struct {
	taken sync.Mutex
	of    atomic.Value // the test's name
}

// Film puts a picture before the camera that all pages have, in shades of grey
// and as large as it fits. A page sees it when it next turns the camera on. Until
// the test has ended, others that film wait. The microphone of all pages hears a
// beep every second.
func Film(tb testing.TB, picture image.Image) {
	tb.Helper()
	if camera.of.Load() != tb.Name() {
		camera.taken.Lock()
		camera.of.Store(tb.Name())
		tb.Cleanup(func() { camera.of.Store(""); camera.taken.Unlock() })
	}
	fresh := film() + ".new" // the browser may still read the old one
	if err := os.WriteFile(fresh, frame(picture), 0o600); err != nil {
		tb.Fatalf("browsertest: the camera: %v", err)
	}
	if err := os.Rename(fresh, film()); err != nil {
		tb.Fatalf("browsertest: the camera: %v", err)
	}
}

// frame returns a picture as a film of one frame, in the format YUV4MPEG2.
func frame(picture image.Image) []byte {
	var out bytes.Buffer
	_, _ = fmt.Fprintf(&out, "YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420\nFRAME\n", frameWidth, frameHeight) // into memory
	b := picture.Bounds()
	scale := min(float64(frameWidth)/float64(b.Dx()), float64(frameHeight)/float64(b.Dy()))
	left, top := (frameWidth-scale*float64(b.Dx()))/2, (frameHeight-scale*float64(b.Dy()))/2
	for y := range frameHeight {
		for x := range frameWidth {
			at := image.Pt(b.Min.X+int((float64(x)-left)/scale), b.Min.Y+int((float64(y)-top)/scale))
			shade := color.Gray{Y: 255}
			if at.In(b) {
				shade = color.GrayModel.Convert(picture.At(at.X, at.Y)).(color.Gray)
			}
			out.WriteByte(shade.Y)
		}
	}
	out.Write(bytes.Repeat([]byte{128}, frameWidth*frameHeight/2)) // without colours
	return out.Bytes()
}

// Allow lets the pages of the profile use a device, "camera" or "microphone",
// which a new profile denies.
func (p *Page) Allow(device string) {
	p.tb.Helper()
	Call(p, devtools.SetPermission, devtools.SetPermissionParams{
		Permission: &devtools.PermissionDescriptor{Name: device}, Setting: devtools.PermissionSettingGranted, BrowserContextID: p.profile.id,
	})
}
