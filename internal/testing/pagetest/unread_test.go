// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// Who opens a conversation begins at what is new, of which the rest stays
// unread until the end is reached.
func TestUnreadStaysBelowTheView(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, ted := w.settle(t, desktop, "ana", ""), w.terminal(t, "ted")
	ana.writeTo("ted@"+w.Host, "hello")
	with := accepts(t, ted)
	ana.at("/")
	for i := range 45 {
		_, err := ted.Send(t.Context(), with, chat.Draft{Text: fmt.Sprint("new line ", i)})
		must(t, err)
	}
	ana.Await("link", "45 unread messages")
	ana.Click("link", "ted@")
	ana.sees(".new-line")
	ana.reads("new line 3")
	ana.Until(`new Promise(r => setTimeout(() => r(true), 1500))`)
	if left := browsertest.Eval[string](ana.Page, `String(document.querySelector(".side .row .badge")?.innerText)`); !strings.Contains(left, "45") {
		t.Errorf("of what nobody saw there is left: %s", left)
	}
	ana.Click("button", "To the newest")
	ana.reads("new line 44")
	ana.Until(`!document.querySelector(".side .row .badge")`)
}

// A notice at the end takes no message out of reach, and leaves none unread.
func TestNoticeAtTheEnd(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, desktop, "bea", "")
	ana.found("Choir", bea)
	bea.at("/")
	ana.say("who brings the keys?")
	ana.Click("button", "Details of")
	ana.choose(".details select", "86400000")
	ana.reads("You set messages to disappear")
	bea.Await("link", "1 unread message")
	bea.Click("link", "Choir")
	bea.reads("Ana set messages to disappear")
	bea.Until(`!document.querySelector(".side .row .badge")`)
	bea.sees(`.message[tabindex="0"]`)
	ana.sees(`.message[tabindex="0"]`)
}

// What came while nobody looked at the page begins below a line.
func TestNewLineAfterReturn(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	for _, text := range []string{"while you were away", "and once more"} {
		ana.hides(true)
		bea.say(text)
		ana.Until(`document.querySelector(".new-line + div")?.textContent.includes(` + quote(text) + `)`)
		ana.hides(false)
		ana.Until(`!document.querySelector(".side .row .badge")`)
	}
}
