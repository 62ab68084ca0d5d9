// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// signalEvery is after what time somebody who goes on typing is seen for sure.
const signalEvery = 4500 * time.Millisecond

// marked waits until the last own message says how far it has come.
func (p *person) marked(state string) {
	p.t.Helper()
	p.Until(`[...document.querySelectorAll(".message.own")].at(-1).querySelector(` + quote(`[aria-label="`+state+`"]`) + `)`)
}

// states notes every state that an own message is shown in from now on.
const states = `(() => {
	globalThis.states = new Set()
	const look = () => document.querySelectorAll(".message.own .ticks").forEach(e => states.add(e.ariaLabel))
	new MutationObserver(look).observe(document.body, {subtree: true, childList: true, attributes: true})
	return true
})()`

// turn sets a switch of the settings.
func (p *person) turn(name string, on bool) {
	p.t.Helper()
	is := `[...document.querySelectorAll("[role=switch]")].find(s => s.labels[0].textContent.startsWith(` + quote(name) + `))`
	p.Until(is)
	if browsertest.Eval[bool](p.Page, is+".checked") != on {
		p.Click("switch", name)
	}
	p.Until(is + ".checked === " + map[bool]string{true: "true", false: "false"}[on])
}

// Marks say how far a message has come, and who types is seen, unless the
// others want neither.
func TestMarksAndTyping(t *testing.T) {
	t.Parallel()
	for _, screens := range [][2]screen{{phone, desktop}, {desktopDark, phoneLight}} {
		t.Run(screens[0].name+" and "+screens[1].name, func(t *testing.T) {
			w := newTown(t)
			ana, bea := w.settle(t, screens[0], "ana", ""), w.settle(t, screens[1], "bea", "")
			ana.meet(bea)
			here := browsertest.Eval[string](bea.Page, place)
			ana.Until(states)
			ana.marked("Read")

			bea.at("/settings")
			ana.say("Are you there?")
			ana.marked("Delivered")
			bea.at(here)
			ana.marked("Read")
			ana.Until(`states.has("Sent") || states.has("Waiting")`)

			bea.Write("Message to", "I am writing")
			eventually(t, "typing", func() bool { // nobody is told of every key
				bea.Insert(".")
				return browsertest.Eval[bool](ana.Page, `document.querySelector(".bar .second.typing")?.textContent === "typing…" && !!document.querySelector(".writing")`)
			})
			bea.Click("button", "Send")
			ana.reads("I am writing")
			ana.Until(`!document.querySelector(".second.typing, .writing")`)

			bea.at("/settings/privacy")
			for _, name := range []string{"Read marks", "Delivery marks", "Typing"} {
				bea.turn(name, false)
			}
			bea.at(here)
			ana.say("And now?")
			bea.reads("And now?")
			bea.at("/settings/privacy")
			bea.Do(reload())
			for _, name := range []string{"Read marks", "Delivery marks", "Typing"} {
				bea.turn(name, false)
			}
			bea.at(here)
			bea.Write("Message to", "I read it")
			ana.Until(`(globalThis.typed = false, new MutationObserver(() => typed ||= !!document.querySelector(".typing, .writing")).observe(document.body, {subtree: true, childList: true, attributes: true}), true)`)
			late := time.Now().Add(signalEvery)
			eventually(t, "a moment in which typing would be told", func() bool {
				bea.Insert(".")
				return time.Now().After(late)
			})
			bea.Click("button", "Send")
			ana.reads("I read it") // whatever was told before it has arrived
			ana.say("Good")
			bea.reads("Good")
			bea.say("Yes")
			ana.reads("Yes")
			ana.marked("Sent")
			if browsertest.Eval[bool](ana.Page, "typed") {
				t.Error("who does not want to be seen typing is seen")
			}
			if text := browsertest.Eval[string](bea.Page, `[...document.querySelectorAll(".message.own .ticks")].at(-1).ariaLabel`); strings.Contains(text, "Read") {
				t.Error("who does not tell what they read sees what others read")
			}
		})
	}
}
