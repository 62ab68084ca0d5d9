// SPDX-License-Identifier: AGPL-3.0-or-later

package app_test

import (
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/app"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
)

// Interfaces hear of what a person has to do something about, also those that
// begin later, and of its end.
func TestTroubleWithTheAccount(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		u := newUser(t, net, "ana")
		u.create("ana", "")
		pass(time.Minute)
		trouble := func() (kinds []string) {
			for _, e := range told[app.Trouble](u) {
				kinds = append(kinds, e.Kind)
			}
			return kinds
		}
		for kind, strike := range map[string]func(){
			"copied": func() { net.Server(host).SeeCopy("ana") },
			"gone":   func() { net.Server(host).Lose() },
		} {
			trouble()
			strike()
			pass(time.Minute)
			if got := trouble(); len(got) != 1 || got[0] != kind {
				t.Errorf("%s: it is told %q", kind, got)
			}
			do[app.Session](u, "hello", app.None{})
			pass(0)
			if got := trouble(); len(got) != 1 || got[0] != kind {
				t.Errorf("%s: a new interface is told %q", kind, got)
			}
			do[app.None](u, map[string]string{"copied": "takeOver", "gone": "registerAgain"}[kind], app.None{})
			pass(time.Minute)
			if got := trouble(); len(got) != 1 || got[0] != "" {
				t.Errorf("%s: at its end it is told %q", kind, got)
			}
		}
		net.Server(host).SetClock(time.Hour)
		u.way.Cut("")
		pass(time.Minute)
		if got := told[app.Trouble](u); len(got) == 0 || got[0].Kind != "clock" || got[0].Ahead > -3500 {
			t.Errorf("of the clock it is told %+v", got)
		}
		net.Server(host).SeeCopy("ana")
		pass(time.Minute)
		if got := trouble(); len(got) != 1 || got[0] != "copied" {
			t.Errorf("of a copy while the clock is wrong it is told %q", got)
		}
		net.Server(host).SetClock(0)
		u.way.Cut("")
		pass(time.Minute)
		if got := trouble(); len(got) != 0 {
			t.Errorf("of the copy it is told %q when the clock is right again", got)
		}
	})
}
