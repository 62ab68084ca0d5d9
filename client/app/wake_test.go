// SPDX-License-Identifier: AGPL-3.0-or-later

package app_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/app"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/protocol"
)

func TestWake(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		u := newUser(t, net, "alice")
		u.fails(app.CodePhase, "wakeKey", app.None{})
		u.fails(app.CodePhase, "setWake", app.Wake{})
		u.create("alice", "")
		key, err := base64.RawURLEncoding.DecodeString(do[app.Wake](u, "wakeKey", app.None{}).Key)
		if err != nil || len(key) != 65 {
			t.Errorf("%x, %v", key, err)
		}
		waking := func(want bool) {
			t.Helper()
			if s := do[app.Settings](u, "settings", app.None{}); s.Waking != want {
				t.Errorf("%+v", s)
			}
		}
		waking(false)
		if s := do[app.Settings](u, "setWake", app.Wake{Endpoint: "https://push.example/1"}); !s.Waking {
			t.Error("refused")
		}
		waking(true)
		s := do[app.Settings](u, "settings", app.None{})
		s.Waking = false
		do[app.None](u, "setSettings", s)
		u.restart()
		waking(true)
		do[app.Settings](u, "setWake", app.Wake{})
		waking(false)
		pass(time.Minute)
		if n := len(net.Server(host).Wakes()); n != 0 {
			t.Errorf("%d tokens are registered", n)
		}

		net.Server(host).SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) fakeserver.Verdict {
			switch op {
			case protocol.OpWakeKey:
				return fakeserver.Verdict{Refuse: &protocol.Error{Code: protocol.CodeUnsupported}}
			case protocol.OpWakeRegister:
				return fakeserver.Verdict{Refuse: &protocol.Error{Code: protocol.CodeInvalid}}
			}
			return fakeserver.Verdict{}
		}})
		if k := do[app.Wake](u, "wakeKey", app.None{}); k.Key != "" {
			t.Errorf("%q", k.Key)
		}
		if s := do[app.Settings](u, "setWake", app.Wake{Endpoint: "https://push.example/1"}); s.Waking {
			t.Error("not refused")
		}
		waking(false)
		u.way.Partition("", true)
		u.fails(app.CodeOffline, "wakeKey", app.None{})
	})
}
