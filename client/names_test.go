// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
)

// Who goes by a name of which nothing can be seen has the address shown, and
// such a group its identifier.
func TestInvisibleNamesAreNone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id := group(t, a, b)
		direct := a.begins(b)
		pass(time.Second)
		b.accept()
		for _, name := range []string{
			"\u200b", "\u2060\u202e", " \u00a0\u3000", "\u3164", "\ufe0f\u2800", "\U000e0101", "\u00ad\u061c\ufeff",
			"\u115f\uffa0", "\u17b4", "\U0001d159", "\U000e0041", "\U000e0fff",
		} {
			if a.Account().SetProfile(t.Context(), name) == nil || a.Groups().Rename(t.Context(), id, name) == nil {
				t.Errorf("the name %+q was taken", name)
			}
			must(t, a.SetProfileAs(t.Context(), name))
			must(t, a.RenameAs(t.Context(), id, name))
			pass(time.Minute)
			shown, err := b.People().NameOf(a.Address())
			must(t, err)
			contact, err := b.People().Contact(a.Address())
			must(t, err)
			for _, got := range []string{shown, contact.DisplayName(), b.status(direct).Name} {
				if got != a.Address().String() {
					t.Errorf("who calls herself %+q is shown as %+q", name, got)
				}
			}
			if contact.Profile != "" || b.status(id).Name != string(id[:16]) {
				t.Errorf("%+q: the profile is %+q, the group's name %+q", name, contact.Profile, b.status(id).Name)
			}
		}
		for _, name := range []string{"\xff", "gpj.\u202eecila", "\u2067Alice", "Al\u0085ice", "Al\nice", "Al\u2028ice", "Al\u2029ice"} {
			if a.Account().SetProfile(t.Context(), name) == nil {
				t.Errorf("the name %+q was taken", name)
			}
		}
		for _, name := range []string{"Alice", "\u200bآليس", "\u200fسارة", "👩\u200d🚀", "é", "爱丽丝"} {
			must(t, a.Account().SetProfile(t.Context(), name))
			pass(time.Minute)
			if got, err := b.People().NameOf(a.Address()); err != nil || got != name {
				t.Errorf("who calls herself %+q is shown as %+q, %v", name, got, err)
			}
		}
	})
}

// A name or title that looks like an address is not shown as if it were one.
func TestNamesThatLookLikeAddresses(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id := group(t, a, b)
		for _, name := range []string{"anna@" + host, "Anna@Home.example", "anna\uff20home", "an\u200bna@home.example", " anna @ home.example", "anna@[::1]:80"} {
			if !chat.LooksLikeAddress(name) {
				t.Errorf("%+q does not look like an address", name)
			}
			must(t, a.Account().SetProfile(t.Context(), name))
			must(t, a.Groups().Rename(t.Context(), id, name))
			pass(time.Minute)
			contact, err := b.People().Contact(a.Address())
			must(t, err)
			if shown, err := b.People().NameOf(a.Address()); err != nil || shown != a.Address().String() || contact.Profile != "" {
				t.Errorf("who calls herself %q is shown as %q, %v", name, shown, err)
			}
			if got := b.status(id).Name; got != "“"+name+"”" {
				t.Errorf("the group %q is shown as %q", name, got)
			}
		}
		for _, name := range []string{"Anna", "lunch @ noon", "@anna", "anna@", "Ask anna@home.example about it", ""} {
			if chat.LooksLikeAddress(name) {
				t.Errorf("%+q looks like an address", name)
			}
		}
	})
}

// Who is meant is decided by the form of what was typed: nothing that others
// chose takes the place of an address or of a private name.
func TestWhatOthersChoseTakesNobodysPlace(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, c := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "carol", host)
		id := group(t, b, a)
		find := func(target string) chat.ConversationID {
			t.Helper()
			got, err := a.Find(target)
			if err != nil && !errors.Is(err, chat.ErrNoConversation) {
				t.Errorf("%q: %v", target, err)
			}
			return got
		}
		must(t, a.People().SetName(c.Address(), "Caro"))
		for _, title := range []string{c.Address().String(), "Caro", strings.Repeat("ab", 8)} {
			must(t, b.Groups().Rename(t.Context(), id, title))
			pass(time.Minute)
			if got := find(title); got != "" {
				t.Errorf("the title %q was taken for %q", title, got)
			}
			if got := find(string(id[:20])); got != id {
				t.Errorf("the identifier of %q finds %q", title, got)
			}
		}
		with, err := a.Direct(t.Context(), c.Address())
		must(t, err)
		if find("Caro") != with || find(strings.ToUpper(c.Address().String())) != with {
			t.Error("the conversation with carol was not found")
		}
		must(t, b.Groups().Rename(t.Context(), id, "Picnic"))
		pass(time.Minute)
		if find("Picnic") != id {
			t.Error("the group was not found by its title")
		}
		d := join(t, net, "dave", host)
		other, err := d.CreateGroup(t.Context(), "Picnic", []account.Address{a.Address()})
		must(t, err)
		must(t, d.ConnectConversation(other))
		pass(time.Minute)
		if a.status(other).Status != chat.StatusRequest || find("Picnic") != id {
			t.Error("a request takes the place of a group that was accepted")
		}
		must(t, a.People().SetName(b.Address(), "Caro"))
		if _, err := a.Find("Caro"); !errors.Is(err, chat.ErrAmbiguous) {
			t.Errorf("two contacts of one name: %v", err)
		}
		if _, err := a.Find("carol@no_host"); !errors.Is(err, account.ErrAddress) {
			t.Errorf("what looks like an address and is none: %v", err)
		}
	})
}
