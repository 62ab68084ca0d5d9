// SPDX-License-Identifier: AGPL-3.0-or-later

package enginetest

import (
	"encoding/json"
	"testing"
)

// A Tab is one tab of a browser.
type Tab interface {
	// Go goes to an address and waits until the page is loaded.
	Go(url string) error
	// Eval evaluates an expression in the page, awaits it if it is a promise, and
	// returns its value as JSON. It fails if the page goes meanwhile.
	Eval(expression string) (json.RawMessage, error)
	// Click clicks with the mouse at a place of the window, in CSS pixels.
	Click(x, y float64) error
	// Type types a text of letters that keyboards have where the focus is.
	Type(text string) error
	// Choose gives a file to the file input that a CSS selector finds.
	Choose(selector, path string) error
	// Another opens another tab of the same profile.
	Another() (Tab, error)
	// Close closes the tab.
	Close() error
}

// An Engine is a kind of browser.
type Engine struct {
	Name string
	// Open opens a tab in a new profile. Both go with the test.
	Open func(tb testing.TB) Tab
}

// Engines are all of them.
func Engines() []Engine {
	return []Engine{{"Chromium", openChromium}, {"Firefox", openFirefox}, {"WebKit", openWebKit}}
}

// asJSON is an expression whose value is a promise of an expression's value as JSON.
func asJSON(expression string) string {
	return `(async () => JSON.stringify(await (` + expression + `)) ?? "null")()`
}
