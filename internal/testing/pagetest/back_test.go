// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"os"
	"path/filepath"
	"testing"
)

// becomes stops the server and starts it again with what another folder has.
func (w *town) becomes(people []*person, dir string) {
	w.t.Helper()
	for _, p := range people {
		p.Expect("WebSocket connection to|net::ERR_")
	}
	w.Stop(w.t)
	w.dir = dir
	w.open(w.at)
}

// What was said since the backup is said again when a server was put back to it,
// and a server that lost everything has the account created again by a click.
func TestServerGoesBack(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	people := []*person{ana, bea}
	ana.meet(bea)
	ana.say("before")
	bea.reads("before")

	w.Stop(t)
	for _, p := range people {
		p.Expect("WebSocket connection to|net::ERR_")
	}
	backup := filepath.Join(t.TempDir(), "backup")
	must(t, os.CopyFS(backup, os.DirFS(w.dir)))
	w.open(w.at)
	ana.say("after")
	bea.reads("after")
	w.becomes(people, backup)
	ana.shows("The server was put back to an earlier state.")
	bea.say("answer")
	ana.reads("answer")
	ana.Until(`[...document.querySelectorAll(".message")].filter(m => m.innerText.includes("after")).length === 1`)

	w.becomes(people, t.TempDir())
	for _, p := range people {
		p.shows("Your server doesn’t know your account any more.")
		p.Click("button", "Create it again")
		p.Until(`!document.querySelector(".strip")`)
	}
	ana.say("on a new server")
	bea.reads("on a new server")
	bea.say("here, too")
	ana.reads("here, too")
}
