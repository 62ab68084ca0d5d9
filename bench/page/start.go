// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"fmt"
	"time"

	"github.com/chromedp/chromedp/kb"
)

// rest is how long a browser is left alone before it is measured: Chromium goes
// on loading parts of its own for two seconds after it has started, and a page
// and its core go on after the list is there.
const rest = 3 * time.Second

// starts measures from the beginning of the navigation until a conversation of
// the list has been painted: in a fresh browser that is at rest and in one that
// is still starting, by reloading its only tab, in a second tab, and by
// reloading while the other tab keeps the core running.
func (t *town) starts(r report, name string, runs int) error {
	var cold, hurried, alone, second, beside, asks, unlock figure
	for range runs {
		if err := t.startOnce(name, &cold, &alone, &second, &beside); err != nil {
			return err
		}
		if err := t.hurry(name, &hurried); err != nil {
			return err
		}
	}
	for range runs {
		if err := t.unlockOnce(name, &asks, &unlock); err != nil {
			return err
		}
	}
	r.section(fmt.Sprintf("Until the list is visible, %s (ms)", name))
	r.line("fresh browser", cold, 700)
	r.line("fresh browser that is starting itself", hurried, 700)
	r.line("fresh browser, until the passphrase is asked for", asks, 700)
	r.line("  and from the passphrase on", unlock, 0)
	r.line("reload of the only tab", alone, 700)
	r.line("second tab", second, 300)
	r.line("reload beside another tab", beside, 300)
	return nil
}

func (t *town) startOnce(name string, cold, alone, second, beside *figure) error {
	return t.visited(name, func(b *browser, one *page) error {
		time.Sleep(rest)
		if err := first(one, one.visitHome(t), cold); err != nil {
			return err
		}
		if err := first(one, one.reload, alone); err != nil {
			return err
		}
		two, err := b.tab()
		if err != nil {
			return err
		}
		time.Sleep(rest)
		if err := first(two, two.visitHome(t), second); err != nil {
			return err
		}
		return first(two, two.reload, beside)
	})
}

// hurry measures in a browser that is still starting.
func (t *town) hurry(name string, hurried *figure) error {
	return t.visited(name, func(_ *browser, p *page) error { return first(p, p.visitHome(t), hurried) })
}

func (p *page) visitHome(t *town) func() error { return func() error { return p.visit(t.home()) } }

// first adds how long it took until the first conversation was painted.
func first(p *page, goes func() error, to *figure) error {
	if err := goes(); err != nil {
		return err
	}
	ms, err := ask[float64](p, "eye.first")
	*to = append(*to, ms)
	return err
}

// unlockOnce measures with a passphrase, and takes it away again.
func (t *town) unlockOnce(name string, asks, unlock *figure) (err error) {
	if err := t.rekey(name, true); err != nil {
		return err
	}
	err = t.visited(name, func(_ *browser, p *page) error {
		time.Sleep(rest)
		return t.unlock(p, asks, unlock)
	})
	if err != nil {
		return err
	}
	return t.rekey(name, false)
}

func (t *town) unlock(p *page, asks, unlock *figure) error {
	if err := p.visit(t.home()); err != nil {
		return err
	}
	ms, err := ask[float64](p, "eye.asks")
	if err != nil {
		return err
	}
	*asks = append(*asks, ms)
	if err := p.write(passphrase); err != nil {
		return err
	}
	if err := p.press(kb.Enter); err != nil {
		return err
	}
	ms, err = ask[float64](p, "eye.first.then(at => at + performance.timeOrigin - eye.pressed)")
	*unlock = append(*unlock, ms)
	return err
}

// rekey sets what lies beside the store of a browser that does not run.
func (t *town) rekey(name string, locked bool) error {
	return t.visited(name, func(_ *browser, p *page) error { return t.setKey(p, t.Profiles[name], locked) })
}
