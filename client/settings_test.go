// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
)

func TestSettings(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		s, err := a.Account().Settings()
		must(t, err)
		if !s.ReadReports || !s.DeliveryReports || !s.Typing || s.Timer != 0 || len(s.Interface) != 0 {
			t.Errorf("a new profile has %+v", s)
		}
		chosen := chat.Settings{DeliveryReports: true, Timer: time.Hour, Interface: map[string]string{"theme": "dark", "": ""}}
		must(t, a.Account().SetSettings(t.Context(), chosen))

		many := map[string]string{}
		for n := range chat.MaxInterfaceSettings + 1 {
			many[fmt.Sprint(n)] = ""
		}
		for what, bad := range map[string]chat.Settings{
			"a timer too short": {Timer: time.Millisecond},
			"a timer too long":  {Timer: chat.MaxExpiry + time.Second},
			"too many":          {Interface: many},
			"too much":          {Interface: map[string]string{"x": strings.Repeat("x", chat.MaxInterfaceSettingsSize)}},
			"no text":           {Interface: map[string]string{"x": "\xff"}},
		} {
			if err := a.Account().SetSettings(t.Context(), bad); err == nil {
				t.Errorf("%s was taken", what)
			}
		}
		a.restart()
		s, err = a.Account().Settings()
		must(t, err)
		if s.ReadReports || !s.DeliveryReports || s.Typing || s.Timer != time.Hour || !maps.Equal(s.Interface, chosen.Interface) {
			t.Errorf("after a restart: %+v", s)
		}
		s.Interface = map[string]string{"x": strings.Repeat("x", chat.MaxInterfaceSettingsSize-1)}
		must(t, a.Account().SetSettings(t.Context(), s))

		id := a.begins(b)
		a.say(id, "one")
		pass(time.Minute)
		b.accept()
		if c := b.status(id); c.Timer != time.Hour {
			t.Errorf("bob's timer is %v", c.Timer)
		}
		want(t, "bob", b.texts(id), []string{"one"})
		pass(time.Hour)
		want(t, "bob, an hour later", b.texts(id), nil)
	})
}
