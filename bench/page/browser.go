// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"context"
	_ "embed"
	"fmt"
	"path/filepath"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// patience bounds everything that a page is asked.
const patience = time.Minute

// eye watches a document from its first moment.
//
//go:embed eye.js
var eye string

// A browser is a process of Chromium with one profile.
type browser struct {
	dir string
	ctx context.Context
	end func()
}

// A page is one of its tabs.
type page struct {
	ctx   context.Context
	close func()
}

// browse starts the browser of somebody.
func (t *town) browse(name string) (*browser, error) {
	dir := filepath.Join(t.dir, name+".chromium")
	ctx, end, err := browsertest.Launch(dir)
	if err != nil {
		return nil, err
	}
	return &browser{dir, ctx, end}, nil
}

// visited starts somebody's browser, calls fn with a tab of it, and ends it.
func (t *town) visited(name string, fn func(*browser, *page) error) error {
	b, err := t.browse(name)
	if err != nil {
		return err
	}
	defer b.end()
	p, err := b.tab()
	if err != nil {
		return err
	}
	return fn(b, p)
}

func (b *browser) tab() (*page, error) {
	ctx, closeTab := chromedp.NewContext(b.ctx)
	p := &page{ctx, closeTab}
	if err := chromedp.Do(ctx); err != nil {
		return nil, err
	}
	if err := order(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 1280, Height: 800, DeviceScaleFactor: 1}); err != nil {
		return nil, err
	}
	_, err := command(p, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: eye})
	return p, err
}

// command runs one of the DevTools protocol.
func command[P, R any](p *page, c cdp.Command[P, R], params P) (R, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	r, err := chromedp.Call(ctx, c, params)
	if err != nil {
		err = fmt.Errorf("%s: %w", c.Method, err)
	}
	return r, err
}

// order is command, for those without an answer.
func order[P, R any](p *page, c cdp.Command[P, R], params P) error {
	_, err := command(p, c, params)
	return err
}

// ask evaluates an expression, and waits for it if it is a promise.
func ask[T any](p *page, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		err = fmt.Errorf("%.80s: %w", expression, err)
	}
	return v, err
}

// visit goes to an address and waits until it is loaded.
func (p *page) visit(url string) error {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Do(ctx, chromedp.Navigate(url))
}

func (p *page) reload() error {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Do(ctx, chromedp.Reload())
}

// point is the middle of what a CSS selector finds.
func (p *page) point(selector string) (x, y float64, err error) {
	at, err := ask[[]float64](p, fmt.Sprintf(`(() => {
		const r = document.querySelector(%q).getBoundingClientRect()
		return [r.x + r.width / 2, r.y + r.height / 2]
	})()`, selector))
	if err != nil {
		return 0, 0, err
	}
	return at[0], at[1], nil
}

// click clicks at it with the mouse.
func (p *page) click(selector string) error {
	x, y, err := p.point(selector)
	if err != nil {
		return err
	}
	return chromedp.Do(p.ctx, chromedp.MouseClickXY(x, y))
}

// write types where the focus is.
func (p *page) write(text string) error {
	return order(p, input.InsertText, input.InsertTextParams{Text: text})
}

// press presses keys.
func (p *page) press(keys string) error { return chromedp.Do(p.ctx, chromedp.KeyEvent(keys)) }

// send presses what sends a message.
func (p *page) send() error {
	return chromedp.Do(p.ctx, chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(chromedp.ModifierCtrl)))
}

// wheel turns the mouse's wheel at a place; the protocol wants both deltas, and leaves out zeros.
func (p *page) wheel(x, y, delta float64) error {
	return order(p, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: chromedp.MouseWheel, X: x, Y: y, DeltaX: 1e-3, DeltaY: delta})
}

// await waits for what a CSS selector finds.
func (p *page) await(selector string) error {
	_, err := ask[float64](p, fmt.Sprintf(`eye.painted(() => document.querySelector(%q))`, selector))
	return err
}
