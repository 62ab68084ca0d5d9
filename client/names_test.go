// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
)

// Who goes by a name of which nothing can be seen has the address shown, and
// such a group its identifier.
func TestInvisibleNamesAreNone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id := group(t, a, b)
		direct, err := a.Direct(t.Context(), b.Address())
		must(t, err)
		must(t, a.Go(direct))
		pass(time.Second)
		b.accept()
		for _, name := range []string{
			"\u200b", "\u2060\u202e", " \u00a0\u3000", "\u3164", "\ufe0f\u2800", "\U000e0101", "\u00ad\u061c\ufeff",
		} {
			must(t, a.SetProfile(t.Context(), name))
			must(t, a.Rename(t.Context(), id, name))
			pass(time.Minute)
			shown, err := b.NameOf(a.Address())
			must(t, err)
			contact, err := b.Contact(a.Address())
			must(t, err)
			for _, got := range []string{shown, contact.Shown(), b.status(direct).Name} {
				if got != a.Address().String() {
					t.Errorf("who calls herself %+q is shown as %+q", name, got)
				}
			}
			if contact.Profile != "" || b.status(id).Name != string(id) {
				t.Errorf("%+q: the profile is %+q, the group's name %+q", name, contact.Profile, b.status(id).Name)
			}
		}
		if a.SetProfile(t.Context(), "\xff") == nil {
			t.Error("a name that is no text was taken")
		}
		for _, name := range []string{"Alice", "\u200bآليس", "👩\u200d🚀", "é", "爱丽丝"} {
			must(t, a.SetProfile(t.Context(), name))
			pass(time.Minute)
			if got, err := b.NameOf(a.Address()); err != nil || got != name {
				t.Errorf("who calls herself %+q is shown as %+q, %v", name, got, err)
			}
		}
	})
}
