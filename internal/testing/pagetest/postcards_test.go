// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/page"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// TestPostcards saves the pictures that README shows: small ones of an evening
// like any other.
func TestPostcards(t *testing.T) {
	dir := os.Getenv("SCREENS")
	if dir == "" {
		t.Skip("SCREENS names no folder for pictures; `make screens` does")
	}
	must(t, os.MkdirAll(dir, 0o755))
	w := newTown(t)
	ana := w.visit(t, desktop, "ana")
	ana.create("")
	at := &tour{person: ana, look: func(string) {}}
	at.evening()
	at.has(`document.activeElement.blur()`)
	for name, s := range map[string]screen{"desktop-light": desktop, "phone-dark": phone} {
		ana.Size(s.width, s.height, s.touch)
		ana.still(s.theme)
		ana.settleDown()
		shot := browsertest.Call(ana.Page, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatWebp})
		must(t, os.WriteFile(filepath.Join(dir, name+".webp"), shot.Data, 0o644))
	}
}

// evening fills the list, and opens a group that plans a walk.
func (p *tour) evening() {
	ctx, t := p.t.Context(), p.t
	p.bea = p.neighbour("beatriz", "Beatriz Almeida")
	jonas, ines := p.neighbour("jonas", "Jonas Lindqvist"), p.neighbour("ines", "Ines Haddad")
	for _, one := range []struct {
		from *client.Client
		name string
		text []string
	}{
		{p.neighbour("olga", "Olga from the choir"), "Olga", []string{"See you on Thursday, half past seven"}},
		{p.neighbour("tom", "Tom Okafor"), "Tom", []string{"The keys are with the neighbours"}},
		{ines, "Ines", []string{"Did the letter arrive?"}},
		{p.bea, "Beatriz", []string{"I found the old photographs of the house"}},
	} {
		p.hears(one.from, one.text...)
		p.accepts(one.name, one.text[0])
	}
	p.tells("Wonderful. Bring them on Sunday")
	group, err := p.bea.CreateGroup(ctx, "Sunday walks", []account.Address{p.self(), jonas.Address(), ines.Address()})
	must(t, err)
	says := func(who *client.Client, d chat.Draft) {
		eventually(t, "the group", func() bool { _, err := who.Conversation(group); return err == nil })
		_ = who.Accept(ctx, group) // who founded it needs not
		_, err := who.Send(ctx, group, d)
		must(t, err)
	}
	lake, err := p.bea.Files().Attach(ctx, "lake-900x600.png", "image/png", bytes.NewReader(landscape(900, 600, 200)))
	must(t, err)
	says(p.bea, chat.Draft{Text: "This is where we could go on Sunday", Attached: []chat.FileID{lake}})
	p.Click("link", "Sunday walks")
	p.reads("where we could go")
	p.Click("button", "Actions")
	p.Click("menuitem", "Pin")
	p.sees(".picture img")
	says(jonas, chat.Draft{Text: "What a place. I bring bread and *too much* cheese"})
	p.reads("What a place")
	p.act("where we could go", "❤️")
	p.act("What a place", "Reply")
	p.tells("There is never too much")
	p.tells("Ten o'clock at the station?")
	says(ines, chat.Draft{Text: "Ten is good"})
	p.reads("Ten is good")
	p.hears(ines, "Shall I take your bicycle along?", "There is room for two")
	p.shows("There is room")
}
