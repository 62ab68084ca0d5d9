// SPDX-License-Identifier: AGPL-3.0-or-later

package enginetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// person is somebody with a browser.
type person struct {
	Tab
	t    *testing.T
	town *town
}

// visit opens the page in a new profile.
func (w *town) visit(e Engine) *person {
	w.t.Helper()
	p := &person{e.Open(w.t), w.t, w}
	p.goes("/")
	return p
}

func (p *person) goes(path string) {
	p.t.Helper()
	must(p.t, p.Go("http://"+p.town.Host+path))
}

// reloads loads the page again, at the place where it is.
func (p *person) reloads() {
	p.t.Helper()
	p.until(`(globalThis.before = true, setTimeout(() => location.reload()), true)`)
	p.until(`!globalThis.before && document.readyState === "complete"`)
}

// another opens one more tab.
func (p *person) another() *person {
	p.t.Helper()
	tab, err := p.Another()
	must(p.t, err)
	next := &person{tab, p.t, p.town}
	next.goes("/")
	return next
}

// find is a function of the page that finds what can be used, by its role and
// its name or a part of it.
const find = `((role, name) => {
	const roles = {
		button: "button, summary", link: "a, [role=link]", checkbox: "[type=checkbox]", menuitem: "[role^=menuitem]",
		textbox: "input:not([type=checkbox], [type=file]), textarea",
	}
	const label = e => e.getAttribute("aria-label") ?? [...e.labels ?? []].map(l => l.textContent).join(" ")
	const called = e => (label(e) || e.textContent).trim()
	const usable = [...document.querySelectorAll(roles[role])].filter(e => e.getClientRects().length && !e.disabled)
	return usable.find(e => called(e) === name) ?? usable.find(e => called(e).includes(name))
})`

// eval returns the value of an expression.
func eval[T any](p *person, expression string) (v T) {
	p.t.Helper()
	raw, err := p.Eval(expression)
	must(p.t, err)
	must(p.t, json.Unmarshal(raw, &v))
	return v
}

// until waits until an expression is true; a promise is awaited.
func (p *person) until(expression string) {
	p.t.Helper()
	p.wait(expression, func() bool {
		raw, err := p.Eval("(async () => !!(await (" + expression + ")))()")
		return err == nil && string(raw) == "true"
	})
}

func (p *person) wait(what string, fn func() bool) {
	p.t.Helper()
	if i := strings.LastIndex(what, "\n"); i >= 0 {
		what = what[i:] // the beginning is a function of these tests
	}
	defer func() {
		if p.t.Failed() {
			shown, err := p.Eval("document.body.innerText.slice(0, 2000)")
			p.t.Logf("the page shows %s %v", shown, err)
		}
	}()
	eventually(p.t, what, fn)
}

// place returns where something is that does not move and that nothing covers,
// or null.
const place = `(async (e) => {
	if (!e) return null
	e.scrollIntoView({block: "nearest"})
	const middle = () => (({x, y, width, height}) => [x + width / 2, y + height / 2])(e.getBoundingClientRect())
	const [x, y] = middle()
	await new Promise(r => setTimeout(r, 40))
	const [again, below] = middle()
	const at = document.elementFromPoint(x, y)
	return again === x && below === y && (e.contains(at) || at?.closest("label")?.control === e) ? [x, y] : null
})`

// click clicks something that a role and a name find.
func (p *person) click(role, name string) {
	p.t.Helper()
	p.hit(fmt.Sprintf("%s(%q, %q)", find, role, name))
}

// opens opens a conversation from the list, which may move while more of it arrives.
func (p *person) opens(name string) {
	p.t.Helper()
	row, field := fmt.Sprintf("%s(%q, %q)", find, "link", name), fmt.Sprintf("%s(%q, %q)", find, "textbox", "Message to")
	p.wait("the conversation with "+name, func() bool {
		raw, err := p.Eval("!!" + field)
		if err != nil || string(raw) == "true" {
			return err == nil
		}
		var at []float64
		if raw, err = p.Eval(place + "(" + row + ")"); err == nil && json.Unmarshal(raw, &at) == nil && len(at) == 2 {
			_ = p.Click(at[0], at[1])
		}
		return false
	})
}

// hit is click for what an expression finds.
func (p *person) hit(expression string) {
	p.t.Helper()
	p.wait(expression, func() bool {
		raw, err := p.Eval(place + "(" + expression + ")")
		var at []float64
		if err != nil || json.Unmarshal(raw, &at) != nil || len(at) != 2 {
			return false
		}
		return p.Click(at[0], at[1]) == nil
	})
}

// sees waits for something that a role and a name find.
func (p *person) sees(role, name string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%s(%q, %q)", find, role, name))
}

// writes puts the focus on a field and types.
func (p *person) writes(name, text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("(e => e && (e.focus(), document.activeElement === e))(%s(%q, %q))", find, "textbox", name))
	must(p.t, p.Type(text))
}

// shows waits for a text anywhere.
func (p *person) shows(text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("document.body.innerText.includes(%q)", text))
}

// reads waits for a message in the open conversation.
func (p *person) reads(text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("[...document.querySelectorAll('.message')].some(e => e.textContent.includes(%q))", text))
}

// says sends a message in the open conversation and waits until the device has it.
func (p *person) says(text string) {
	p.t.Helper()
	p.writes("Message to", text)
	p.click("button", "Send")
	p.until(fmt.Sprintf("[...document.querySelectorAll('.message:not([data-key^=local-])')].some(e => e.textContent.includes(%q))", text))
}

// creates makes the account ana.
func (p *person) creates(passphrase string) {
	p.t.Helper()
	p.click("button", "Get started")
	p.writes("Your name", "Ana")
	if passphrase != "" {
		p.writes("Passphrase", passphrase)
		p.writes("Confirm passphrase", passphrase)
	}
	p.click("button", "More options")
	p.writes("Address", "ana")
	p.click("button", "Create account")
	p.click("checkbox", "I have written it down")
	p.click("button", "Continue")
	p.sees("button", "New conversation")
}

// writesTo begins a conversation.
func (p *person) writesTo(f friend, text string) {
	p.t.Helper()
	p.click("button", "New conversation")
	p.writes("Name or address", f.Address().String())
	p.click("button", "Write to")
	p.says(text)
}

// leaves goes to another page of the server until the core has closed the
// profile, or should have: some browsers suspend it.
func (p *person) leaves() {
	p.t.Helper()
	p.goes("/icon.svg")
	p.until(`performance.now() > 8000 || navigator.locks.query().then(all => all.held.every(l => !l.name.includes("store")))`)
}

// unlocks enters a passphrase.
func (p *person) unlocks(passphrase string) {
	p.t.Helper()
	p.until(`(e => e && (e.select(), true))(document.querySelector("input[type=password]"))`)
	p.writes("Passphrase", passphrase)
	p.click("button", "Unlock")
}

// at goes to a place without loading the page again.
func (p *person) at(path string) {
	p.t.Helper()
	p.until(fmt.Sprintf("(location.hash = %q, true)", path))
}
