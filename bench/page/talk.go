// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
)

const burst = 500

// keyEvery is how often somebody presses a key while messages come.
const keyEvery = 60 * time.Millisecond

// bursts measures whether a page goes on answering while a native client sends
// messages as fast as it can: in their conversation, where somebody types, and
// in the list.
func (t *town) bursts(ctx context.Context, r report) error {
	bob, end, err := t.openBob(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = end() }() // what matters was settled
	r.section(fmt.Sprintf("While %d messages pour in (ms)", burst))
	return t.beside(small, func(p *page) error {
		if err := p.find("bob"); err != nil {
			return err
		}
		if err := p.await(".timeline .message"); err != nil { // opening is measured elsewhere
			return err
		}
		if _, err := ask[float64](p, `(document.querySelector(".pill")?.click(), eye.painted(() => !document.querySelector(".pill")))`); err != nil {
			return err // it opened at what was unread
		}
		if err := p.click("textarea"); err != nil {
			return err
		}
		if err := t.burst(ctx, r, bob, p, "typing in their conversation", "[...document.querySelectorAll('.message')].at(-1)"); err != nil {
			return err
		}
		if _, err := ask[bool](p, `document.querySelector("textarea").select() ?? true`); err != nil {
			return err
		}
		if err := p.press(kb.Backspace); err != nil { // a draft would be shown in place of messages
			return err
		}
		if err := p.place("/"); err != nil {
			return err
		}
		return t.burst(ctx, r, bob, p, "in the list", fmt.Sprintf("document.querySelector('%s')", t.row(small)))
	})
}

// burst sends, and presses keys in the page until what a script finds shows the
// last message.
func (t *town) burst(ctx context.Context, r report, bob *client.Client, p *page, what, last string) error {
	end := fmt.Sprintf("That was all, %d", time.Now().UnixNano())
	if _, err := ask[bool](p, fmt.Sprintf(`(globalThis.over = false, eye.painted(() => %s?.textContent.includes(%q)).then(() => over = true), eye.count(), true)`, last, end)); err != nil {
		return err
	}
	began := time.Now()
	said := make(chan error, 1)
	go func() {
		err := say(ctx, bob, t.Bob.With[small], burst, func(i int) string { return fmt.Sprintf("Burst %d, a message of some length", i) })
		if err == nil {
			_, err = bob.Send(ctx, t.Bob.With[small], chat.Draft{Text: end})
		}
		said <- err
	}()
	tick := time.NewTicker(keyEvery)
	defer tick.Stop()
	for over := false; !over; {
		err := p.press("a")
		if err == nil {
			over, err = ask[bool](p, "over")
		}
		if err == nil && time.Since(began) > patience {
			err = errors.New("the messages do not arrive")
		}
		if err != nil {
			return err
		}
		<-tick.C
	}
	f, err := p.counted()
	if err != nil {
		return err
	}
	r.frames(fmt.Sprintf("%s, %.1f s", what, time.Since(began).Seconds()), f)
	return <-said
}

// place goes to a place of the application.
func (p *page) place(path string) error {
	_, err := ask[bool](p, fmt.Sprintf(`(location.hash = %q, true)`, path))
	if err != nil {
		return err
	}
	_, err = ask[float64](p, "eye.afterPaint()")
	return err
}

// talking opens the conversation between two browsers in both.
func (t *town) talking(p *page, with string) error {
	if err := p.visit(t.home()); err != nil {
		return err
	}
	if err := p.find(with); err != nil {
		return err
	}
	if err := p.await("textarea"); err != nil {
		return err
	}
	return p.click("textarea")
}

// find searches the list for a name, and opens what it finds.
func (p *page) find(name string) error {
	if err := p.await("a.row"); err != nil {
		return err
	}
	if err := p.click("input[type=search]"); err != nil {
		return err
	}
	if err := p.write(name); err != nil {
		return err
	}
	row := fmt.Sprintf(`[...document.querySelectorAll('a.row')].find(r => r.querySelector('.name').textContent.toLowerCase().startsWith(%q))`, name)
	_, err := ask[bool](p, fmt.Sprintf(`eye.painted(() => %s).then(() => (%s.click(), true))`, row, row))
	return errors.Join(err, p.press(kb.Escape))
}

const sent = 50

// sends measures from the key that sends a message until it has been painted
// in another browser.
func (t *town) sends(r report) error {
	var pages [2]*page
	for i, name := range []string{small, other} {
		b, err := t.browse(name)
		if err != nil {
			return err
		}
		defer b.end()
		if pages[i], err = b.tab(); err != nil {
			return err
		}
		if err := t.talking(pages[i], []string{other, small}[i]); err != nil {
			return err
		}
	}
	var took figure
	for i := range sent {
		text := fmt.Sprintf("From one to the other, %d of %d", i, time.Now().UnixNano())
		if _, err := ask[bool](pages[1], fmt.Sprintf(`(globalThis.shown = eye.painted(eye.shows(%q)).then(at => performance.timeOrigin + at), true)`, text)); err != nil {
			return err
		}
		if err := pages[0].write(text); err != nil {
			return err
		}
		if err := pages[0].send(); err != nil {
			return err
		}
		shown, err := ask[float64](pages[1], "shown")
		if err != nil {
			return err
		}
		pressed, err := ask[float64](pages[0], "eye.pressed")
		if err != nil {
			return err
		}
		took = append(took, shown-pressed)
	}
	r.section("From browser to browser (ms)")
	r.line("key that sends until it is painted at the other", took, 150)
	return nil
}
