// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
)

// TestRandomRestores lets people talk and change their group while the server is
// put back to backups, or loses everything, at random. Afterwards those who are
// still in the conversation have all that they said, once and in each author's
// order; those who are not have been told.
func TestRandomRestores(t *testing.T) {
	inWorlds(t, func(t *testing.T, n uint64) {
		w := newWorld(t, n)
		for _, h := range []string{host, "there.example"} { // the other random worlds have those
			w.net.Server(h).SetFaults(fakeserver.Faults{})
		}
		w.people = w.people[:4]
		backups := []fakeserver.Backup{w.net.Server(host).Backup()}
		for range 50 {
			backups = w.lose(backups)
		}
		w.heal()
		for _, p := range w.people {
			if p.Sync(soon(t)) != nil {
				must(t, p.Account().RegisterAgain(soon(t), ""))
			}
		}
		pass(3 * time.Hour)
		w.checkRestored()
	})
}

// lose has somebody do something, or the server go back.
func (w *world) lose(backups []fakeserver.Backup) []fakeserver.Backup {
	server := w.net.Server(host)
	p := w.pick()
	switch n := w.r.IntN(30); {
	case n == 0 && w.r.IntN(3) == 0:
		server.Lose()
	case n <= 1:
		server.Restore(backups[w.r.IntN(len(backups))], false)
	case n == 2:
		server.Restore(backups[len(backups)-1], true)
		pass(time.Hour) // what was lost is sent again once an hour to the same server
	case n <= 5:
		backups = append(backups, server.Backup())
	case n == 6:
		p.restart()
	case n == 7:
		p.way.Partition(host, w.r.IntN(2) == 0)
	case n == 8:
		p.way.Cut("")
	case n <= 11:
		if conv, err := p.Conversation(w.id); err == nil && conv.Status == chat.StatusActive {
			w.note(p.Groups().Rename(w.t.Context(), w.id, fmt.Sprintf("Title %d", w.r.IntN(1000))))
		}
	default:
		if conv, err := p.Conversation(w.id); err == nil && conv.Status == chat.StatusActive {
			w.say(p)
		}
	}
	pass(time.Duration(w.r.IntN(3000)) * time.Millisecond)
	return backups
}

func (w *world) checkRestored() {
	var here []*person
	for _, p := range w.people {
		switch c := p.status(w.id); {
		case c.Status == chat.StatusActive:
			here = append(here, p)
		case c.Status != chat.StatusLost || c.Reason.Text == "":
			w.t.Errorf("%s is %s without a reason", p.Address(), c.Status)
		}
	}
	if len(here) == 0 {
		w.t.Error("nobody is left in the conversation")
	}
	for _, p := range here {
		got := p.texts(w.id)
		for _, author := range here {
			prefix := author.Address().Name + " says "
			notMine := func(s string) bool { return !strings.HasPrefix(s, prefix) }
			said, heard := slices.DeleteFunc(author.texts(w.id), notMine), slices.DeleteFunc(slices.Clone(got), notMine)
			if !slices.Equal(said, heard) {
				w.t.Errorf("%s said %q, %s has %q", author.Address(), said, p.Address(), heard)
			}
		}
	}
}
