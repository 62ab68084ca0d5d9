// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/client/transport/websocket"
	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// absent registers accounts of people who are away.
func (w *town) absent(t *testing.T, n int) []account.Address {
	t.Helper()
	transport := websocket.New()
	t.Cleanup(transport.Close)
	all := make([]account.Address, n)
	var busy sync.WaitGroup
	for i := range n {
		all[i] = account.Address{Name: fmt.Sprintf("absent%d", i), Host: w.Host}
		busy.Go(func() {
			cfg := client.Config{Store: memory.New(), Key: keyring.NewStoreKey(), Transport: transport}
			if _, err := client.Create(cfg, client.CreateParams{Address: all[i]}); err != nil {
				t.Error(err)
				return
			}
			c, err := client.Open(cfg)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			c.Account().Connect()
			if err := c.Sync(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	busy.Wait()
	return all
}

// A group of many is shown, and talks.
func TestCrowdedGroup(t *testing.T) {
	const size = 60
	w := newTown(t)
	ana, ted := w.settle(t, phone, "ana", ""), w.terminal(t, "ted")
	must(t, ted.Account().SetProfile(t.Context(), "Ted"))
	people := append(w.absent(t, size-2), account.Address{Name: "ana", Host: w.Host})
	id, err := ted.CreateGroup(t.Context(), "Everybody", people)
	must(t, err)
	must(t, ted.WaitUntilSent(t.Context(), id))
	_, err = ted.Send(t.Context(), id, chat.Draft{Text: "Welcome, all of you"})
	must(t, err)
	ana.Click("button", "Requests")
	ana.Click("link", "Everybody")
	ana.reads("Welcome, all of you")
	ana.Click("button", "Accept")
	ana.Until(`document.querySelector(".message.other .author")?.textContent === "Ted"`)
	ana.say("So many of us")
	eventually(t, "the answer", func() bool {
		found := false
		must(t, ted.Messages().History(id, func(m chat.Message) bool {
			found = found || m.Text == "So many of us"
			return !found
		}))
		return found
	})
	ana.shows(fmt.Sprint(size, " members"))
	ana.Click("button", "Details of")
	ana.Click("button", fmt.Sprint("Show all ", size))
	ana.shows(fmt.Sprintf("absent%d@", size-3))
}

// upwards scrolls the history up by steps until it shows a text, and returns by
// how many pixels at most the message in the middle moved by itself.
const upwards = `(async text => {
	const frame = () => new Promise(done => requestAnimationFrame(done))
	const box = document.querySelector(".timeline")
	const top = key => document.querySelector('.timeline [data-key="' + key + '"]').getBoundingClientRect().top
	let moved = 0
	for (let steps = 0; steps < 500; steps++) {
		const all = [...document.querySelectorAll(".timeline .message")]
		if (all[0].textContent.includes(text) && box.scrollTop === 0) return moved
		box.scrollTop -= 900
		await frame()
		await frame()
		const middle = box.getBoundingClientRect().top + box.clientHeight / 2
		const key = [...document.querySelectorAll(".timeline .message")].find(m => m.getBoundingClientRect().bottom > middle).dataset.key
		const was = top(key)
		for (let n = 0; n < 6; n++) {
			await frame()
			moved = Math.max(moved, Math.abs(top(key) - was))
		}
	}
	throw new Error("the beginning never comes")
})`

// History loads upwards to its beginning, and what is read stays where it is.
func TestLongHistoryKeepsItsPlace(t *testing.T) {
	const messages = 700
	w := newTown(t)
	ana, ted := w.settle(t, desktop, "ana", ""), w.terminal(t, "ted")
	with, err := ted.Direct(t.Context(), account.Address{Name: "ana", Host: w.Host})
	must(t, err)
	for i := range messages {
		_, err := ted.Send(t.Context(), with, chat.Draft{Text: fmt.Sprintf("Number %d.", i)})
		must(t, err)
	}
	ana.Click("button", "Requests")
	ana.Click("link", "ted@")
	ana.Click("button", "Accept") // until then there are a hundred
	// It opens at what is unread, if that has arrived by then.
	ana.Until(`(document.querySelector(".pill")?.click(), ` + inView(".message", fmt.Sprintf("Number %d.", messages-1)) + `)`)
	if moved := browsertest.Eval[float64](ana.Page, upwards+`("Number 0.")`); moved > 1 {
		t.Errorf("what was read moved by %.1f pixels", moved)
	}
}
