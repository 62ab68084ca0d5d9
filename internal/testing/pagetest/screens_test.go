// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// TestScreens saves pictures of every screen for people to look at, in the
// folder that SCREENS names.
func TestScreens(t *testing.T) {
	dir := os.Getenv("SCREENS")
	if dir == "" {
		t.Skip("SCREENS names no folder for pictures; `make screens` does")
	}
	must(t, os.MkdirAll(dir, 0o755))
	takeTour(t, func(p *person, name string) {
		save := func(kind string) {
			browsertest.Call(p.Page, emulation.SetPageScaleFactor, emulation.SetPageScaleFactorParams{PageScaleFactor: 1})
			p.settleDown()
			must(t, os.WriteFile(filepath.Join(dir, name+"-"+kind+".png"), p.Screenshot(), 0o644))
		}
		for _, s := range []screen{phoneLight, phone, desktopDark, desktop} {
			p.Size(s.width, s.height, s.touch)
			p.still(s.theme)
			save(s.theme + map[bool]string{true: "-phone", false: "-desktop"}[s.touch])
		}
		if slices.Contains([]string{"list", "conversation-end", "conversation-middle", "composer", "contact", "settings-privacy", "recovery-current", "recovery-next", "create", "verify",
			"link", "link-digits", "recover", "devices-code", "devices-digits", "devices-list", "revoked", "pending", "arriving", "notes-details"}, name) {
			p.extremes(save)
		}
		if strings.HasPrefix(name, "de-") || slices.Contains([]string{"scanner", "recorder", "failed"}, name) {
			p.narrow(save)
		}
	})
}

// still is a device without motion, light or dark.
func (p *person) still(theme string) {
	browsertest.Call(p.Page, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	p.Until("document.documentElement.dataset.theme === " + quote(theme))
}

// settleDown waits until nothing moves, nothing is pointed at, and all pictures
// are there.
func (p *person) settleDown() {
	browsertest.Call(p.Page, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: chromedp.MouseMoved, X: 1, Y: 1})
	p.Until(`new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))
		.then(() => Promise.allSettled(document.getAnimations().filter(a => a.effect.getTiming().iterations !== Infinity).map(a => a.finished)))
		.then(() => [...document.images].every(i => i.complete))`)
}

const root = "document.documentElement"

// narrow are small screens and large text.
func (p *person) narrow(save func(kind string)) {
	p.Size(320, 640, true)
	save("small")
	p.Until(root + `.style.setProperty("--root-size", "200%") ?? true`)
	p.Size(390, 844, true)
	save("large-text")
	p.Until(root + `.style.setProperty("--root-size", "100%") ?? true`)
}

// extremes are narrow pages, high contrast and mirrored pages.
func (p *person) extremes(save func(kind string)) {
	p.narrow(save)
	p.Until(`(` + root + `.dataset.contrast = "more", true)`)
	save("contrast")
	p.Until(`(` + root + `.dataset.contrast = "normal", ` + root + `.dir = "rtl", true)`)
	save("mirrored-phone")
	p.Size(1280, 800, false)
	save("mirrored")
	p.Until(`(` + root + `.dir = "ltr", true)`)
}
