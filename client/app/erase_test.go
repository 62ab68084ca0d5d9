// SPDX-License-Identifier: AGPL-3.0-or-later

package app_test

import (
	"testing"

	"github.com/securecrypt/securecrypt/client/app"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/protocol"
)

// Erasing deletes the account on its server first, where that is wanted: if the
// server refuses, nothing is removed, and an account that is gone is deleted.
func TestErasingDeletesTheAccount(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		u := newUser(t, net, "ana")
		u.create("ana", "")
		asked, answer := 0, &protocol.Error{Code: protocol.CodeUnavailable}
		net.Server(host).SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
			if op == protocol.OpAccountDelete {
				asked++
				v.Refuse = answer
			}
			return v
		}})
		u.fails(app.CodeBusy, "erase", app.Erasing{Account: true})
		u.phase(app.PhaseOpen)
		if asked != 1 || u.device.keys == nil {
			t.Errorf("the server was asked %d times; the keys are %x", asked, u.device.keys)
		}
		answer = &protocol.Error{Code: protocol.CodeNotFound}
		if s := do[app.Session](u, "erase", app.Erasing{Account: true}); s.Phase != app.PhaseNone || asked != 2 || u.device.keys != nil {
			t.Errorf("after %d requests the phase is %s", asked, s.Phase)
		}
		u.create("ben", "")
		do[app.Session](u, "erase", app.Erasing{})
		if asked != 2 {
			t.Error("an account was deleted that was to stay")
		}
	})
}
