// SPDX-License-Identifier: AGPL-3.0-or-later

package enginetest

import (
	"encoding/json"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// chromium is a tab of Chromium. The test fails if the page complains of
// anything but that a server cannot be reached.
type chromium struct{ page *browsertest.Page }

func openChromium(tb testing.TB) Tab {
	tb.Helper()
	c := chromium{browsertest.Open(tb)}
	c.begin()
	return c
}

func (c chromium) begin() {
	c.page.Expect("WebSocket connection to|net::ERR_|favicon|Failed to load resource")
	c.page.Size(width, height, false)
}

func (c chromium) Go(url string) error {
	return chromedp.Do(c.page.Context(), chromedp.Navigate(url))
}

func (c chromium) Eval(expression string) (json.RawMessage, error) {
	s, err := chromedp.Run(c.page.Context(), chromedp.Evaluate[string](asJSON(expression), chromedp.EvalAwaitPromise))
	return json.RawMessage(s), err
}

func (c chromium) Click(x, y float64) error {
	return chromedp.Do(c.page.Context(), chromedp.MouseClickXY(x, y))
}

func (c chromium) Type(text string) error {
	return chromedp.Do(c.page.Context(), chromedp.KeyEvent(text))
}

func (c chromium) Choose(selector, path string) error {
	c.page.Choose(selector, path)
	return nil
}

func (c chromium) Another() (Tab, error) {
	next := chromium{c.page.Another()}
	next.begin()
	return next, nil
}

func (c chromium) Close() error { return chromedp.Cancel(c.page.Context()) }
